/** Rotary embedding of a config.json: keys of its own (`rope_theta`, `rope_scaling`) or, by transformers 5, `rope_parameters`. */
import { z } from 'zod';
import type { RopeScaling, RopeShape } from '../rope-frequencies.js';
import type { CheckpointProblem } from './invalid-checkpoint.js';

type Rope = Pick<RopeShape, 'ropeTheta' | 'ropeScaling'>;

const positive = z.number().positive();

const RopeJson = z.object({
  rope_type: z.string().optional(),
  /** Older name of `rope_type`. */
  type: z.string().optional(),
  rope_theta: positive.nullish(),
  partial_rotary_factor: z.number().nullish(),
});

/** By `rope_type`; the result still wants `max_position_embeddings`. */
const SCALINGS: Readonly<Record<string, z.ZodType<(maxPositions: number) => RopeScaling | undefined>>> = {
  default: z.object({}).transform(() => () => undefined),
  linear: z.object({ factor: positive }).transform(({ factor }) => () => ({ type: 'linear' as const, factor })),
  llama3: z
    .object({
      factor: positive,
      low_freq_factor: positive,
      high_freq_factor: positive,
      original_max_position_embeddings: positive.nullish(),
    })
    .transform((keys) => (maxPositions: number) => ({
      type: 'llama3' as const,
      factor: keys.factor,
      lowFreqFactor: keys.low_freq_factor,
      highFreqFactor: keys.high_freq_factor,
      originalMaxPositions: keys.original_max_position_embeddings ?? maxPositions,
    })),
};

const DEFAULT_ROPE_THETA = 10_000;

/** @param json of which the keys above are looked at */
export function parseRope(
  json: Readonly<Record<string, unknown>>,
  maxPositions: number,
): { rope: Rope } | { problems: CheckpointProblem[] } {
  const key = json['rope_parameters'] == null ? 'rope_scaling' : 'rope_parameters';
  const given = json[key] ?? {};
  const parsed = RopeJson.safeParse(given);
  const theta = positive.nullish().safeParse(json['rope_theta']);
  const problems = [...issues(parsed, key), ...issues(theta, 'rope_theta')];
  if (!parsed.success || !theta.success) return { problems };
  const kind = parsed.data.rope_type ?? parsed.data.type ?? 'default';
  const refuse = (path: string, problem: string): void => void problems.push({ path: `${key}${path}`, problem });
  if (Object.values(given).some((value) => typeof value === 'object' && value !== null && !Array.isArray(value))) {
    refuse('', 'rotary embeddings of their own for some layers are not supported');
  }
  if ((parsed.data.partial_rotary_factor ?? 1) !== 1) refuse('.partial_rotary_factor', 'only whole heads are rotated');
  const read = SCALINGS[kind];
  if (!read) refuse('.rope_type', `"${kind}" is not supported; supported: ${Object.keys(SCALINGS).join(', ')}`);
  const scaling = read?.safeParse(given);
  if (scaling) problems.push(...issues(scaling, key));
  if (problems.length > 0 || !scaling?.success) return { problems };
  const ropeScaling = scaling.data(maxPositions);
  const ropeTheta = parsed.data.rope_theta ?? theta.data ?? DEFAULT_ROPE_THETA;
  return { rope: { ropeTheta, ...(ropeScaling ? { ropeScaling } : {}) } };
}

/** The inverse: keys by which the same embedding is read. */
export function ropeJson({ ropeTheta, ropeScaling: scaling }: Rope): Readonly<Record<string, unknown>> {
  if (!scaling) return { rope_theta: ropeTheta };
  const { type, factor } = scaling;
  const bands = type === 'llama3' && {
    low_freq_factor: scaling.lowFreqFactor,
    high_freq_factor: scaling.highFreqFactor,
    original_max_position_embeddings: scaling.originalMaxPositions,
  };
  return { rope_theta: ropeTheta, rope_scaling: { rope_type: type, factor, ...bands } };
}

function issues(result: z.ZodSafeParseResult<unknown>, at: string): CheckpointProblem[] {
  return (result.error?.issues ?? []).map(({ path, message }) => ({ path: [at, ...path].join('.'), problem: message }));
}
