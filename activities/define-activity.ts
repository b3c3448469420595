/** An activity of a run whose result is remembered, with the types of its interface; its name stands once. */
import type { Activities, InRun, Timed } from '../contracts/protocol/activities.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import { durable, timed } from '../durability/durable.js';
import type { Journal } from '../durability/journal.js';
import type { Services } from '../services/services.js';
import { readArtifact } from '../store/formats/artifacts.js';

/** What happens in a run, and says how long it took. */
type Remembered = {
  [Name in keyof Activities]: Activities[Name] extends (input: InRun & infer _) => Promise<Timed> ? Name : never;
}[keyof Activities];
type Input<Name extends Remembered> = Parameters<Activities[Name]>[0];
type Output<Name extends Remembered> = Awaited<ReturnType<Activities[Name]>>;

export interface ActivityContext extends Services {
  readonly manifest: RunManifest;
  /** Work may note its progress in it, and finds there what earlier attempts noted. */
  readonly journal: Journal;
}

export function defineActivity<Name extends Remembered>(
  name: Name,
  work: (context: ActivityContext, input: Input<Name>) => Promise<Omit<Output<Name>, 'seconds'>>,
): (services: Services) => (input: Input<Name>) => Promise<Output<Name>> {
  return durable(
    name,
    (services: Services, input: Input<Name>, journal) =>
      timed(async () => {
        const manifest = await readArtifact(services.store, input.manifest);
        return work({ ...services, manifest, journal }, input);
      }) as Promise<Output<Name>>,
  );
}
