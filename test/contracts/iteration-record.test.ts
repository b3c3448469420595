import { format } from 'prettier';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { iterationRecord } from '../../contracts/artifacts/iteration-record-schema.js';

it('the published schema is that of the code (npx vitest run test/contracts -u writes it anew)', async () => {
  const schema = JSON.stringify(z.toJSONSchema(iterationRecord));
  await expect(await format(schema, { parser: 'json', printWidth: 120 })).toMatchFileSnapshot(
    '../../docs/iteration-record.schema.json',
  );
});
