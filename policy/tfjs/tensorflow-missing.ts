import { AttemptError } from '../../contracts/errors/retry-policy.js';

/** TensorFlow.js is not set up on this machine, or its set-up is of another version. */
export class TensorFlowMissing extends AttemptError {
  override readonly name = 'TensorFlowMissing';
  override readonly retry = 'transient';
  constructor() {
    super(
      'TensorFlow.js is not set up on this machine: run `npm run setup:tfjs -- cpu` (or gpu), or use learner "onnx"',
    );
  }
}
