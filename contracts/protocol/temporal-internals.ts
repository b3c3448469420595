/** What the SDK does not export for its users; nobody else imports from its inside. */
export {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
export { encodeSearchAttributeIndexedValueType } from '@temporalio/common/lib/search-attributes.js';
export { optionalTsToDate, optionalTsToMs } from '@temporalio/common/lib/time.js';
