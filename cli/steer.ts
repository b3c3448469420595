/** `attnrl pause|resume|stop-after|extend|set-learning-rate`: the run's updates as commands. */
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { Command, InvalidArgumentError } from 'commander';
import type { SteeringEvent, SteeringUpdate } from '../contracts/protocol/steering.js';
import { UsageError } from './errors.js';
import { findSession } from './session.js';

export function steeringCommands(): Command[] {
  return [
    steeringCommand('pause', 'pause', 'bring the iteration to its end, then hold the run'),
    steeringCommand('resume', 'resume', 'go on with a held run'),
    steeringCommand('stop-after', 'stopAfter', 'end the run after that many iterations in all', '<iterations>'),
    steeringCommand('extend', 'extendTo', 'let the run have that many iterations in all', '<iterations>'),
    steeringCommand('set-learning-rate', 'setLearningRate', 'learn at that rate from the next update on', '<rate>'),
  ];
}

function steeringCommand(name: string, update: SteeringUpdate, description: string, argument?: string): Command {
  const command = new Command(name).description(description).argument('<run>', 'workflow id');
  if (argument !== undefined) command.argument(argument, '', number);
  return command
    .option('--json', 'what the ledger records, as one JSON object')
    .action((run: string, ...rest: unknown[]) => {
      const [value, options] = argument === undefined ? [undefined, rest[0]] : rest;
      return steer(run, update, value as number | undefined, options as { json?: boolean });
    });
}

async function steer(
  run: string,
  update: SteeringUpdate,
  value: number | undefined,
  { json }: { json?: boolean },
): Promise<void> {
  const session = await findSession();
  if (!session) throw new UsageError('no Temporal server: set TEMPORAL_ADDRESS, or start one by `npm start`');
  try {
    const handle = session.client.workflow.getHandle(run);
    const taken =
      value === undefined
        ? handle.executeUpdate<SteeringEvent, []>(update)
        : handle.executeUpdate<SteeringEvent, [number]>(update, { args: [value] });
    const event = await taken.catch((error: unknown) => {
      throw error instanceof WorkflowUpdateFailedError && error.cause ? new UsageError(error.cause.message) : error;
    });
    console.log(json ? JSON.stringify(event) : lineOf(event));
  } finally {
    await session.close();
  }
}

function lineOf({ update, value, fromIteration, identity, time }: SteeringEvent): string {
  const what = value === null ? update : `${update} ${value}`;
  return `${what}: from iteration ${fromIteration + 1} on, recorded for ${identity}, ${time}`;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('it must be a number');
  return value;
}
