/** Judges answers. */
import { main } from './serve.js';

main(['verifier']);
