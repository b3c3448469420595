/** What the `attnrl` command uses of this folder. */
export { exportPolicy } from '../activities/export-policy.js';
export { engineServices } from '../activities/open-services.js';
export { auditRun } from './audit-run.js';
export { collectUnneeded } from './collect-unneeded.js';
export { policyOf } from './export.js';
export { forkForm } from './fork-form.js';
export { Inspection } from './inspect.js';
export { readEntry } from './ledger.js';
export { readRunFiles } from './run-files.js';
