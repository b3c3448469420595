import { Command, InvalidArgumentError } from 'commander';
import { auditTable } from './display/audit-table.js';
import { openRun } from './run-store.js';
import { findSession } from './session.js';

interface AuditCommandOptions {
  readonly replay?: readonly number[];
  readonly json?: boolean;
}

export function auditCommand(): Command {
  return new Command('audit')
    .description('prove or disprove every step of a run; exit code 1 when something does not fit')
    .argument('<run>', 'workflow id')
    .option('-r, --replay <iterations...>', 'generate, score and update these again and compare all bits', iterations)
    .option('--json', 'the whole report as one JSON object')
    .action(audit);
}

async function audit(run: string, { replay, json }: AuditCommandOptions): Promise<void> {
  // What reads tokenizers and tasks is loaded for the commands that need it.
  const { auditRun, engineServices } = await import('../runs/index.js');
  const { store, files } = await openRun(run);
  const session = await findSession();
  const engines = replay && engineServices();
  try {
    const report = await auditRun(store, files, {
      ...(session ? { client: session.client } : {}),
      ...(engines ? { replay: { iterations: replay, services: engines } } : {}),
      ...(json || !process.stderr.isTTY ? {} : { onProgress: showProgress }),
    });
    if (process.stderr.isTTY && !json) process.stderr.write('\r\x1b[K');
    console.log(json ? JSON.stringify(report) : auditTable(report));
    if (report.verdict !== 'proved') process.exitCode = 1;
  } finally {
    await engines?.close();
    await session?.close();
  }
}

function showProgress(doing: string): void {
  process.stderr.write(`\r\x1b[K${doing} …`);
}

/** `3` or `0-4`; the option may be given several. */
function iterations(text: string, before: readonly number[] = []): readonly number[] {
  const range = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!range) throw new InvalidArgumentError('an iteration (3) or a range of them (0-4)');
  const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])];
  return [...before, ...Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)];
}
