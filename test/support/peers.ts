/** Hugging Face's own code in the environment that the benchmarks make, where it is there. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PYTHON = fileURLToPath(new URL('../../tools/bench/peers/.venv/bin/python', import.meta.url));
const FAMILIES = fileURLToPath(new URL('../fixtures/models/families.py', import.meta.url));

export const hasPeers = existsSync(PYTHON);
/** To be put into the name of a test that needs them. */
export const SKIPPED_WITHOUT_PEERS = '(skipped without tools/bench/peers/.venv)';

/** Runs `families.py`. @param input is given as JSON @returns what it prints */
export function runFamilies(args: readonly string[], input: unknown = null): Promise<string> {
  return new Promise((resolve, reject) => {
    const python = execFile(PYTHON, [FAMILIES, ...args], (error, stdout) => {
      if (error)
        reject(new Error(`families.py ${args.join(' ')}: ${error.message}`)); // it holds stderr
      else resolve(stdout);
    });
    python.stdin!.end(JSON.stringify(input));
  });
}
