/** The tree of a problem, drawn. */
import pc from 'picocolors';
import type { BranchView, ProblemView, ResponseView, SegmentView, StepView } from '../../runs/inspect.js';

type Reason = NonNullable<SegmentView['branchPoint']>['reasons'][number];
type StepReason = Exclude<Reason, { readonly why: 'entropy' }>;

const BAR_CELLS = 10;

const REASONS = {
  influence: 'among the highest',
  front: 'candidates ran out: the earliest step left',
  repeat: 'steps ran out: once more',
} as const;

/** A step without FCI is among the highest only where no step has any. */
function reasonOf({ why, influence }: StepReason): string {
  return why === 'influence' && influence === 0 ? 'no influence: the earliest step' : REASONS[why];
}

export function problemTree(problem: ProblemView): string {
  const scale = Math.max(
    ...problem.trees.flatMap(({ segments }) => segments.flatMap(({ steps }) => steps.map(({ fci }) => fci ?? 0))),
    0,
  );
  return [...heading(problem), ...problem.trees.flatMap((response) => responseLines(response, scale))].join('\n');
}

function heading(problem: ProblemView): string[] {
  const {
    problem: place,
    index,
    prompt,
    groundTruth,
    correct,
    responses,
    branches,
    value,
    phi,
    dropped,
    paths,
  } = problem;
  const facts = [
    `${correct} of ${responses} responses correct`,
    `${branches} branches`,
    `value ${value.toFixed(3)}`,
    ...(phi === null ? [] : [`mean influence ${phi.toFixed(4)}`]),
  ];
  const fate = dropped === null ? pc.green(`kept, ${paths} paths`) : pc.yellow(`dropped: ${spoken(dropped)}`);
  return [
    `${pc.bold(`problem ${place}`)} ${pc.dim(`· ${index} of the data set`)} · ${fate}`,
    facts.join(' · '),
    `${pc.dim('prompt')}  ${visible(prompt)}`,
    `${pc.dim('answer')}  ${[groundTruth].flat().join(' or ')}`,
  ];
}

function responseLines(response: ResponseView, scale: number): string[] {
  const { response: number, reward, reason, branched, finished, tokens, segments } = response;
  const facts = [
    `${tokens} tokens`,
    ...(finished ? [] : ['cut at the limit']),
    branched === null ? 'not branched' : `branched: ${branched}`,
    pc.dim(reason),
  ];
  return [
    '',
    `${mark(reward)} ${pc.bold(`response ${number}`)} · ${facts.join(' · ')}`,
    ...segments.flatMap((segment, i) => segmentLines(segment, i === segments.length - 1, reward, scale)),
  ];
}

function segmentLines(
  { steps, branchPoint, ...node }: SegmentView,
  last: boolean,
  reward: number,
  scale: number,
): string[] {
  const lines = [`│ ${nodeFacts(node)}`, ...steps.map((step) => `│   ${stepLine(step, scale)}`)];
  if (last || !branchPoint) return [...lines, `╰─${mark(reward)} ${pc.dim(`leaf, reward ${reward}`)}`];
  const { at, reasons, branches } = branchPoint;
  const why = reasons.map((reason) =>
    reason.why === 'entropy'
      ? `entropy ${reason.entropy.toFixed(3)}`
      : `step ${reason.step}, FCI ${reason.influence.toFixed(4)}, ${reasonOf(reason)}`,
  );
  return [
    ...lines,
    `├─${pc.cyan('◆')} ${pc.cyan(`branch point behind token ${at}`)} · ${why.join('; ')}`,
    ...branches.flatMap((branch, i) => branchLines(branch, i === branches.length - 1)),
  ];
}

function branchLines(branch: BranchView, last: boolean): string[] {
  const { branch: number, reward, text, finished, reason } = branch;
  const [corner, stem] = last ? ['╰', ' '] : ['├', '│'];
  const facts = `branch ${number} · ${nodeFacts(branch)}${finished ? '' : ' · cut at the limit'} · ${pc.dim(reason)}`;
  return [`│  ${corner}─${mark(reward)} ${facts}`, `│  ${stem}    ${visible(text)}`];
}

function nodeFacts({
  value,
  advantage,
  leaves,
  start,
  length,
}: Pick<BranchView, 'value' | 'advantage' | 'leaves' | 'start' | 'length'>): string {
  const signed = `${advantage < 0 ? '−' : '+'}${Math.abs(advantage).toFixed(3)}`;
  const coloured = advantage === 0 ? pc.dim(signed) : advantage > 0 ? pc.green(signed) : pc.red(signed);
  const of = leaves === 1 ? '1 leaf' : `${leaves} leaves`;
  return `advantage ${coloured} · value ${value.toFixed(3)} of ${of} ${pc.dim(`· tokens ${start}–${start + length}`)}`;
}

function stepLine({ step, fci, text }: StepView, scale: number): string {
  if (fci === null) return `${`${step}`.padStart(3)} ${visible(text)}`;
  const full = scale > 0 ? Math.round((BAR_CELLS * fci) / scale) : 0;
  const bar = `${pc.magenta('█'.repeat(full))}${pc.dim('░'.repeat(BAR_CELLS - full))}`;
  return `${`${step}`.padStart(3)} ${bar} ${fci.toFixed(4)}  ${visible(text)}`;
}

function mark(reward: number): string {
  return reward === 1 ? pc.green('✓') : pc.red('✗');
}

/** `allCorrect` -> `all correct` */
export function spoken(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function visible(text: string): string {
  return text.replaceAll('\n', pc.dim('⏎'));
}
