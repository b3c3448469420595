/**
 * The header of a safetensors file: 8 bytes with its length (little-endian), then JSON that names each tensor's format,
 * shape and place in the data behind it. Checked wholly before any of it is used.
 */
import { AttemptError } from '../../contracts/errors/retry-policy.js';
import { formats, isDType, type DType } from './dtype.js';

export interface TensorInfo {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** First byte and end, counted from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The file is not safetensors, or its parts contradict each other. Lists everything that is wrong. */
export class CheckpointDamaged extends AttemptError {
  override readonly name = 'CheckpointDamaged';
  override readonly retry = 'never';
  constructor(
    readonly where: string,
    readonly problems: readonly string[],
  ) {
    super(
      `${where} is not a usable safetensors file:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\n` +
        'It could be because of an incomplete download or copy: fetch it again.',
    );
  }
}

export const LENGTH_BYTES = 8;
/** The format's own limit. */
const LONGEST_HEADER = 100_000_000;

/** @param start the first 8 bytes of the file */
export function headerLength(where: string, start: Uint8Array, fileBytes: number): number {
  if (start.byteLength < LENGTH_BYTES || fileBytes < LENGTH_BYTES)
    throw new CheckpointDamaged(where, [`it has ${fileBytes} bytes, not even room for the length of its header`]);
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  const room = Math.min(fileBytes - LENGTH_BYTES, LONGEST_HEADER);
  if (length > BigInt(room))
    throw new CheckpointDamaged(where, [`its header has ${length} bytes, at most ${room} are possible`]);
  return Number(length);
}

/** @param json the header itself, without its length */
export function parseHeader(where: string, json: Uint8Array, fileBytes: number): SafetensorsHeader {
  const header = parseObject(where, json);
  const problems: string[] = [];
  const tensors = new Map<string, TensorInfo>();
  let metadata: Record<string, string> = {};
  const dataBegin = LENGTH_BYTES + json.byteLength;
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') {
      const info = parseTensor(entry, dataBegin, fileBytes);
      if (typeof info === 'string') problems.push(`tensor ${JSON.stringify(name)}: ${info}`);
      else tensors.set(name, info);
    } else if (isTextRecord(entry)) metadata = entry;
    else problems.push('__metadata__ is not an object of strings');
  }
  if (problems.length === 0) problems.push(...placementProblems(tensors, dataBegin, fileBytes));
  if (problems.length > 0) throw new CheckpointDamaged(where, problems);
  return { tensors, metadata };
}

function parseObject(where: string, json: Uint8Array): object {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (error) {
    throw new CheckpointDamaged(where, [`its header is not JSON (${(error as Error).message})`]);
  }
  if (!isObject(header)) throw new CheckpointDamaged(where, ['its header is not a JSON object']);
  return header;
}

/** A text says what is wrong. */
function parseTensor(entry: unknown, dataBegin: number, fileBytes: number): TensorInfo | string {
  if (!isObject(entry)) return 'not an object';
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  if (!isDType(dtype)) return `format ${JSON.stringify(dtype)} is none of ${Object.keys(formats).join(', ')}`;
  if (!isCounts(shape)) return `shape ${JSON.stringify(shape)} is not a list of sizes`;
  if (!isCounts(offsets) || offsets.length !== 2)
    return `data_offsets ${JSON.stringify(offsets)} are not two positions`;
  const [from, to] = offsets;
  if (from > to) return `data_offsets [${from}, ${to}] end before they begin`;
  const [begin, end] = [dataBegin + from, dataBegin + to];
  if (end > fileBytes) return `its data ends at byte ${end}, the file at ${fileBytes}`;
  const needed = shape.reduce((product, size) => product * size, formats[dtype].size);
  if (needed !== end - begin)
    return `shape [${shape.join(', ')}] of ${dtype} needs ${needed} bytes, it has ${end - begin}`;
  return { dtype, shape, begin, end };
}

/** The format wants the data to be covered by the tensors, each byte once. */
function placementProblems(tensors: ReadonlyMap<string, TensorInfo>, dataBegin: number, fileBytes: number): string[] {
  const problems: string[] = [];
  let position = dataBegin;
  let previous = 'the header';
  for (const [name, { begin, end }] of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    const quoted = JSON.stringify(name);
    if (begin < position) problems.push(`tensor ${quoted} overlaps ${previous}`);
    if (begin > position)
      problems.push(`${begin - position} bytes between ${previous} and tensor ${quoted} belong to nothing`);
    position = Math.max(position, end);
    previous = `tensor ${quoted}`;
  }
  if (position < fileBytes) problems.push(`${fileBytes - position} bytes behind ${previous} belong to nothing`);
  return problems;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
