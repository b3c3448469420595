/** Holds policies: generates, scores, evaluates. One engine process per machine. */
import { main } from './serve.js';

main(['rollout']);
