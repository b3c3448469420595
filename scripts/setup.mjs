/**
 * All set-up, before every command of package.json: plain Node, since nothing is installed yet when it starts.
 * Silent when there is nothing to do.
 */
import { SetupError } from './step.mjs';

const major = Number(process.versions.node.split('.')[0]);

try {
  if (major < 20)
    throw new SetupError(`Node.js 20 or newer is needed, this is ${process.version}: see https://nodejs.org`);
  const { installPackages } = await import('./install-packages.mjs');
  installPackages();
  // What follows imports installed packages.
  const { obtainTemporal } = await import('./obtain-temporal.mjs');
  await obtainTemporal();
  const { build } = await import('./build.mjs');
  await build();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nSet-up stopped: ${error.message}`);
  process.exitCode = 1;
}
