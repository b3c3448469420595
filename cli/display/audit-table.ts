import Table from 'cli-table3';
import pc from 'picocolors';
import type { AuditReport, Check, Outcome } from '../../runs/audit/findings.js';

const MARKS: Record<Outcome, string> = { passed: pc.green('✓'), failed: pc.red('✗'), 'not done': pc.dim('·') };

/** A table with a row per iteration, what was found, who did what, and the verdict. */
export function auditTable(report: AuditReport): string {
  const parts = [
    iterationTable(report),
    list(
      'findings',
      report.findings.map(({ iteration, check, problem }) => {
        const where = iteration === null ? '' : `iteration ${iteration} · `;
        return `${pc.red('✗')} ${where}${pc.bold(check)}: ${problem}`;
      }),
    ),
    list(
      'who did what',
      report.actions.map(({ time, identity, action }) => `${time}  ${action}  ${pc.dim(identity)}`),
    ),
    list('notes', report.notes),
    verdict(report),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function iterationTable({ iterations }: AuditReport): string {
  const checks = Object.keys(iterations[0]?.checks ?? {}) as Check[];
  const table = new Table({
    head: ['iteration', 'record', ...checks, 'policy', 'activities', 'repeated', 'workers'],
    style: { head: [], border: [] },
  });
  for (const { iteration, record, policy, checks: outcomes, attempts } of iterations) {
    table.push([
      iteration,
      record.sha256.slice(0, 10),
      ...checks.map((check) => ({ content: MARKS[outcomes[check]], hAlign: 'center' as const })),
      policy?.slice(0, 10) ?? '',
      attempts?.activities ?? '',
      attempts?.repeated ?? '',
      attempts?.workers ?? '',
    ]);
  }
  return table.toString();
}

function list(head: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [pc.bold(head), ...lines.map((line) => `  ${line}`)].join('\n');
}

function verdict({ run, verdict: found, findings, iterations, artifacts }: AuditReport): string {
  const size = `${(artifacts.bytes / 1e6).toFixed(1)} MB`;
  const released = artifacts.released === 0 ? '' : `, ${artifacts.released} released by retention`;
  const seen = `${iterations.length} iterations, ${artifacts.checked} artifacts (${size}${released})`;
  return found === 'proved'
    ? `${pc.green('✓ proved')}: ${run}, ${seen}`
    : `${pc.red('✗ disproved')}: ${run}, ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'} in ${seen}`;
}
