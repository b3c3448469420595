/** Readonly all the way down. */
export type DeepReadonly<T> = T extends readonly (infer E)[]
  ? number extends T['length']
    ? readonly DeepReadonly<E>[]
    : { readonly [K in keyof T]: DeepReadonly<T[K]> }
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
