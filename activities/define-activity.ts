/** An activity whose result is remembered, with the types of its interface. */
import type { Activities } from '../contracts/protocol/activities.js';
import { durable } from '../durability/durable.js';
import type { Journal } from '../durability/journal.js';
import type { Services } from '../services/services.js';

type Input<Name extends keyof Activities> = Parameters<Activities[Name]>[0];
type Output<Name extends keyof Activities> = Awaited<ReturnType<Activities[Name]>>;

/** @param work may note its progress in the journal, and finds there what earlier attempts noted */
export function defineActivity<Name extends keyof Activities>(
  name: Name,
  work: (services: Services, input: Input<Name>, journal: Journal) => Promise<Output<Name>>,
): (services: Services) => (input: Input<Name>) => Promise<Output<Name>> {
  return durable(name, work);
}
