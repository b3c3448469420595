/** No session can be opened on the execution provider that the configuration names. */
export class ProviderUnavailable extends Error {
  override readonly name = 'ProviderUnavailable';
  constructor(
    readonly provider: string,
    readonly why: string,
  ) {
    super(
      `this machine can not compute on ${provider} (engine.provider): ${why}. It could be because a driver or a library ` +
        'is missing: npm run setup:gpu says what works here.',
    );
  }
}
