import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { TypedSearchAttributes, type SearchAttributeType } from '@temporalio/common';
import { encodeSearchAttributeIndexedValueType } from '../../contracts/protocol/temporal-internals.js';

/** What `defineSearchAttributeKey` gives. */
export interface SearchAttribute {
  readonly name: string;
  readonly type: SearchAttributeType;
}

/** The namespace lacks search attributes and we may not add them. */
export class SearchAttributesMissing extends Error {
  override readonly name = 'SearchAttributesMissing';
  constructor(
    readonly namespace: string,
    readonly keys: readonly SearchAttribute[],
    options: ErrorOptions,
  ) {
    const commands = keys.map(
      (key) =>
        `  temporal operator search-attribute create --namespace ${namespace} --name ${key.name} --type ${typeName(key)}`,
    );
    super(
      `The namespace ${namespace} lacks search attributes, and this user may not add them. Let somebody who may run:\n` +
        commands.join('\n'),
      options,
    );
  }
}

/** `Keyword`, `Int`, …: as the command line of Temporal calls the types. */
export function typeName({ type }: SearchAttribute): string {
  return TypedSearchAttributes.toMetadataType(type);
}

/** Adds what is missing. Where listing is not allowed (a managed service), they count as present. */
export async function declareSearchAttributes(
  connection: Connection,
  namespace: string,
  keys: readonly SearchAttribute[],
): Promise<void> {
  const present = await connection.operatorService.listSearchAttributes({ namespace }).catch(undefinedIfForbidden);
  if (present === undefined) return;
  const missing = keys.filter(({ name }) => !Object.hasOwn(present.customAttributes, name));
  if (missing.length === 0) return;
  const searchAttributes = Object.fromEntries(
    missing.map(({ name, type }) => [name, encodeSearchAttributeIndexedValueType(type)!]),
  );
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes }).catch((error: unknown) => {
    undefinedIfForbidden(error);
    throw new SearchAttributesMissing(namespace, missing, { cause: error });
  });
}

/** gRPC status codes PERMISSION_DENIED, UNIMPLEMENTED and UNAUTHENTICATED. */
const FORBIDDEN = [7, 12, 16];

function undefinedIfForbidden(error: unknown): undefined {
  if (!(isGrpcServiceError(error) && FORBIDDEN.includes(error.code))) throw error;
}
