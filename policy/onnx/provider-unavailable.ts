import { AttemptError } from '../../contracts/errors/retry-policy.js';

/** No session can be opened on the execution provider that the configuration names. */
export class ProviderUnavailable extends AttemptError {
  override readonly name = 'ProviderUnavailable';
  override readonly retry = 'transient';
  constructor(
    readonly provider: string,
    readonly why: string,
  ) {
    super(
      `this machine cannot compute on ${provider} (engine.provider): ${why}. It could be because a driver or a library ` +
        'is missing: npm run setup:gpu says what works here.',
    );
  }
}
