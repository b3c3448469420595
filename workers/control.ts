/** Decides: workflow code and the activities that only read and write small artifacts. */
import { main } from './serve.js';

main(['control']);
