/**
 * Failures whose message and stack trace are payloads, so that a payload codec encrypts them. CommonJS, because the SDK
 * loads a failure converter by its path with `require`.
 */
const { DefaultFailureConverter } = require('@temporalio/common');

exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
