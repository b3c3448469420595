/** Loading a policy, and up to its first token, beside transformers, which reads the same safetensors into torch. */
import { openInferenceEngine } from '../../../policy/processes/open.js';
import { LIMITS } from '../../../policy/limits.js';
import { inTurn, secondsOf } from '../in-turn.js';
import { THREADS } from '../machine.js';
import { Peer } from '../peer.js';
import { lowerIsBetter, type Row } from '../report.js';
import { type MeasuredModel, promptsOf } from './model.js';
import { requestOf } from './responses.js';

/** Those that warm up read the file into the system's cache, and ours keeps as many policies before it uses memory again, as theirs does at once. */
const ROUNDS = { rounds: 3, warmUps: LIMITS.processes.keptPolicies };

export async function load(model: MeasuredModel, show: (rows: readonly Row[]) => void): Promise<void> {
  const engine = openInferenceEngine({ threads: THREADS });
  const peer = await Peer.start('decode.py');
  const [prompt] = promptsOf(model, 1);
  const id = (round: number): string => `${model.name} ${round}`;
  const name = 'model';
  try {
    const seconds = await inTurn(
      `${model.name} · load`,
      {
        ours: (round) => secondsOf(() => engine.load({ ...model.policy, id: id(round) })),
        'our first token': (round) => secondsOf(() => engine.generate(id(round), [requestOf(prompt, 1)])),
        peer: () => {
          const { directory } = model;
          return secondsOf(() => peer.ask({ operation: 'load', name, directory, attention: 'sdpa', threads: THREADS }));
        },
        "the peer's first token": () =>
          secondsOf(() =>
            peer.ask({ operation: 'generate', name, prompts: [prompt], siblings: 1, newTokens: 1, cache: null }),
          ),
      },
      ROUNDS,
    );
    const measured = { case: `${model.name} · load`, unit: 's' };
    const all = {
      ours: seconds.ours + seconds['our first token'],
      peer: seconds.peer + seconds["the peer's first token"],
    };
    show([
      lowerIsBetter({ ...measured, metric: 'time (peer: transformers)', ours: seconds.ours, peer: seconds.peer }, 1),
      lowerIsBetter({ ...measured, metric: 'time to the first token (peer: transformers)', ...all }),
    ]);
  } finally {
    await engine.close();
    await peer.close();
  }
}
