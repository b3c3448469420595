/** Holds weights and optimiser state: turns policy m into policy m+1. */
import { main } from './serve.js';

main(['learner']);
