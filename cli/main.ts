#!/usr/bin/env node
import { program } from 'commander';
import { auditCommand } from './audit.js';
import { codecServerCommand } from './codec-server.js';
import { doctorCommand } from './doctor/doctor.js';
import { exitCode, failureOf } from './errors.js';
import { evaluateCommand } from './evaluate.js';
import { exportCommand } from './export.js';
import { forkCommand } from './fork.js';
import { gcCommand } from './gc.js';
import { inspectCommand } from './inspect.js';
import { planCommand } from './plan.js';
import { setupServerCommand } from './setup-server.js';
import { statusCommand } from './status.js';
import { steeringCommands } from './steer.js';
import { trainCommand } from './train.js';
import { workerCommand } from './worker.js';

program
  .name('attnrl')
  .description('Reinforcement learning of reasoning language models by AttnRL, as durable Temporal workflows')
  .addCommand(trainCommand(), { isDefault: true })
  .addCommand(workerCommand())
  .addCommand(evaluateCommand())
  .addCommand(planCommand())
  .addCommand(statusCommand())
  .addCommand(auditCommand())
  .addCommand(inspectCommand())
  .addCommand(forkCommand())
  .addCommand(exportCommand())
  .addCommand(gcCommand())
  .addCommand(doctorCommand())
  .addCommand(codecServerCommand())
  .addCommand(setupServerCommand());
steeringCommands().forEach((command) => program.addCommand(command));

program.parseAsync().then(
  () => process.exit(),
  (error: unknown) => {
    const { type, message } = failureOf(error);
    if (process.argv.includes('--json')) console.log(JSON.stringify({ event: 'failure', type, message }));
    else console.error(`${type}: ${message}`);
    if (process.env.DEBUG) console.error(error);
    process.exit(exitCode(error));
  },
);
