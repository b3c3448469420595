/** Parts of a run that are workflows of their own. */
export type ChildPhase = 'sample' | 'learn' | 'evaluate';

/** Workflow id of a run's child: phase and iteration (or policy version) name it. */
export function childId(run: string, phase: ChildPhase, number: number): string {
  return `${run}/${phase}-${number}`;
}
