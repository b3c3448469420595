/** What the `attnrl` command uses of this folder. */
export { exportPolicy } from '../services/export-policy.js';
export { engineServices } from '../services/open-services.js';
export { auditRun } from './audit/audit-run.js';
export { collectUnneeded } from './garbage/collect-unneeded.js';
export { policyOf } from './export.js';
export { forkForm } from './fork-form.js';
export { Inspection } from './inspect.js';
export { readEntry } from './audit/ledger.js';
export { readRunFiles } from './run-files.js';
