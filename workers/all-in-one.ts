/** Every role in one process, with one engine: the requests of both children of an iteration share its slots. */
import { ROLES } from '../contracts/protocol/queues.js';
import { main } from './serve.js';

main(ROLES);
