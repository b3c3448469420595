#!/usr/bin/env node
import { program } from 'commander';
import { codecServerCommand } from './codec-server.js';
import { doctorCommand } from './doctor.js';
import { exitCode, failureOf } from './errors.js';
import { evaluateCommand } from './evaluate.js';
import { setupServerCommand } from './setup-server.js';
import { statusCommand } from './status.js';
import { trainCommand } from './train.js';
import { workerCommand } from './worker.js';

program
  .name('attnrl')
  .description('Reinforcement learning of reasoning language models by AttnRL, as durable Temporal workflows')
  .addCommand(trainCommand(), { isDefault: true })
  .addCommand(workerCommand())
  .addCommand(evaluateCommand())
  .addCommand(statusCommand())
  .addCommand(doctorCommand())
  .addCommand(codecServerCommand())
  .addCommand(setupServerCommand());

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
