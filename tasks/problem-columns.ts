/** Rows of published data sets as problems: which columns hold prompt and ground truth, by name or by known schema. */
import { z } from 'zod';
import type { Message, Prompt } from '../contracts/artifacts/prompt.js';
import type { Problem } from './problem-source.js';

/** Columns by name; a dot leads into a column that holds objects (`reward_model.ground_truth`). */
export interface ProblemColumns {
  /** A text, or a list of {role, content}. */
  readonly prompt: string;
  /** A text or number, or a list of them any of which is right. */
  readonly groundTruth: string;
  /** Left out: the file's name and the row's number. */
  readonly id?: string | undefined;
}

/** How a row becomes a problem. */
export interface ProblemForm {
  readonly columns: ProblemColumns;
  /** A text is what the user says in a chat; else it is what the model gets. */
  readonly chat: boolean;
  /** Added to what the user says last, behind a space, where it does not end so. */
  readonly instruction: string;
}

/** What the authors, and DeepScaleR before them, ask of every problem. */
export const BOXED_INSTRUCTION = "Let's think step by step and output the final answer within \\boxed{}.";

/** Known by their columns. verl's prompts are chats that hold the instruction already. */
const SCHEMAS: Readonly<Record<string, ProblemForm>> = {
  attnrl: { columns: { prompt: 'prompt', groundTruth: 'groundTruth', id: 'id' }, chat: false, instruction: '' },
  verl: { columns: { prompt: 'prompt', groundTruth: 'reward_model.ground_truth' }, chat: true, instruction: '' },
  deepscaler: { columns: { prompt: 'problem', groundTruth: 'answer' }, chat: true, instruction: BOXED_INSTRUCTION },
};

/** What the configuration says in place of the schema. */
export interface ProblemFormOptions {
  readonly columns?: ProblemColumns | undefined;
  readonly chat?: boolean | undefined;
  readonly instruction?: string | undefined;
}

/** @returns undefined where the columns fit no schema and none are named */
export function problemForm(present: readonly string[], options: ProblemFormOptions): ProblemForm | undefined {
  const { columns, chat, instruction } = options;
  const known = Object.values(SCHEMAS).find(({ columns: { prompt, groundTruth } }) =>
    [prompt, groundTruth].every((name) => present.includes(topLevel(name))),
  );
  const base = columns ? { columns, chat: false, instruction: '' } : known;
  return (
    base && { ...base, ...(chat === undefined ? {} : { chat }), ...(instruction === undefined ? {} : { instruction }) }
  );
}

export function knownSchemas(): string {
  const all = Object.entries(SCHEMAS);
  return all.map(([name, { columns }]) => `${name}'s (${columns.prompt}, ${columns.groundTruth})`).join(', ');
}

/** The columns of a table that have to be read. */
export function neededColumns({ columns: { prompt, groundTruth, id } }: ProblemForm): string[] {
  return [...new Set([prompt, groundTruth, ...(id === undefined ? [] : [id])].map(topLevel))];
}

/** @returns the problem, or what is wrong with the row */
export function problemOf(
  row: unknown,
  { columns, chat, instruction }: ProblemForm,
  place: string,
): { readonly problem: Omit<Problem, 'index'> } | { readonly wrong: readonly string[] } {
  const prompt = promptColumn.safeParse(valueAt(row, columns.prompt));
  const groundTruth = truthColumn.safeParse(valueAt(row, columns.groundTruth));
  const id = columns.id === undefined ? undefined : idColumn.safeParse(valueAt(row, columns.id));
  if (prompt.success && groundTruth.success && (id?.success ?? true)) {
    const asked = instructed(chat && typeof prompt.data === 'string' ? user(prompt.data) : prompt.data, instruction);
    return { problem: { id: id?.data ?? place, prompt: asked, groundTruth: groundTruth.data } };
  }
  const wrong = [
    [columns.prompt, prompt] as const,
    [columns.groundTruth, groundTruth] as const,
    ...(id ? [[columns.id, id] as const] : []),
  ];
  return {
    wrong: wrong.flatMap(([column, { error }]) =>
      (error?.issues ?? []).map(({ path, message }) => `${[column, ...path].join('.')}: ${message}`),
    ),
  };
}

const messages = z.array(z.object({ role: z.string().min(1), content: z.string() })).min(1, 'holds no message');
const promptColumn = z.union([z.string().min(1), messages], { error: 'must be a text or a list of {role, content}' });
/** May be empty, as two are in the authors' training set: nothing equals it. */
const answer = z.union([z.string(), z.number(), z.bigint()]).transform(String);
const truthColumn = z.union([answer, z.array(answer).min(1)], { error: 'must be a text or number, or a list of them' });
const idColumn = z
  .union([z.string().min(1), z.number(), z.bigint()])
  .transform(String)
  .optional();

function valueAt(row: unknown, path: string): unknown {
  let value = row;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value ?? undefined;
}

function topLevel(path: string): string {
  return path.split('.', 1)[0];
}

function user(content: string): Message[] {
  return [{ role: 'user', content }];
}

function instructed(prompt: Prompt, instruction: string): Prompt {
  if (instruction === '') return prompt;
  const add = (text: string): string => (text.trimEnd().endsWith(instruction) ? text : `${text} ${instruction}`);
  if (typeof prompt === 'string') return add(prompt);
  const last = prompt.findLastIndex(({ role }) => role === 'user');
  return prompt.map((message, i) => (i === last ? { ...message, content: add(message.content) } : message));
}
