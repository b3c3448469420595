/** Tries the engine on a checkpoint and prints what came of it as one JSON object; `attnrl doctor` runs it. */
import { probeEngine } from '../services/input/probe-engine.js';

probeEngine(process.argv[2] ?? 'models/straight-line').then(
  (probed) => console.log(JSON.stringify(probed)),
  (error: unknown) => {
    console.log(JSON.stringify({ problem: error instanceof Error ? error.message : String(error) }));
    process.exitCode = 1;
  },
);
