/** A publisher whose calls to the bus a test sees and answers. */

import { DispatchHarness } from "./_dispatch_harness.ts";
import { Publisher } from "./publisher.ts";

/** Opens a publisher over a bus that the test answers for. */
export function opened() {
  const stage = new DispatchHarness();
  const calls: { channel: string; ids: string[] }[] = [];
  const played = { answer: (_ids: readonly string[]): Promise<void> => Promise.resolve() };
  const publisher = new Publisher({
    runtime: stage.runtime,
    log: stage.log,
    metrics: stage.metrics,
    outages: stage.outages,
    bus: {
      publish: (channel, envelopes) => {
        const ids = envelopes.map(({ id }) => id);
        calls.push({ channel, ids });
        return played.answer(ids);
      },
    },
  });
  const published = (outcome: string) =>
    stage.metrics.counter("tasker_bus_published_total", outcome).value;
  return { ...stage, stage, runtime: stage.runtime, calls, played, publisher, published };
}

/** Numbered ids. */
export function idsOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${prefix}${number}`);
}
