import assert from "node:assert/strict";
import type { Maintained, Maintenance } from "../journal/maintenance.ts";
import { maintain } from "./node.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { VirtualRuntime } from "./virtual_runtime.ts";

const HOUR_MS = 3_600_000;

/** A node whose retention takes until a test ends it. */
function openMaintenance() {
  const runtime = new VirtualRuntime();
  const asked: Maintenance[] = [];
  const removed: number[] = [];
  let retained = Promise.withResolvers<Maintained>();
  const parts = {
    runtime,
    log: SILENT_LOG,
    config: { retentionMs: HOUR_MS },
    journal: {
      maintain: (when: Maintenance) => {
        asked.push(when);
        const nothing = { made: [], dropped: [] };
        return when.retentionMs === undefined ? Promise.resolve(nothing) : retained.promise;
      },
      audit: {
        removeOld: (beforeMs: number) => {
          removed.push(runtime.now() - beforeMs);
          return Promise.resolve(removed.length === 1); // the first has left some
        },
      },
    },
  };
  const end = () => {
    retained.resolve({ made: [], dropped: [] });
    retained = Promise.withResolvers<Maintained>();
  };
  return { runtime, asked, removed, parts, end };
}

Deno.test("a node waits for its partitions, and not for retention", async () => {
  const { asked, parts } = openMaintenance();

  await maintain(parts);

  assert.deepEqual(asked.map(({ retentionMs }) => retentionMs), [undefined, HOUR_MS]);
});

Deno.test("retention comes again an hour after its end, until the node drains", async () => {
  const { runtime, asked, parts, end } = openMaintenance();
  const stop = await maintain(parts);

  await runtime.advance(3 * HOUR_MS);
  assert.equal(asked.length, 2, "the first goes on");
  end();
  await runtime.advance(HOUR_MS + 1_000);
  assert.equal(asked.length, 3);
  stop();
  assert.equal(asked.at(-1)?.isOver?.(), true);
  end();
  await runtime.advance(3 * HOUR_MS);

  assert.equal(asked.length, 3);
});

Deno.test("what is too old in the audit is removed after retention, until nothing is left", async () => {
  const { runtime, removed, parts, end } = openMaintenance();
  await maintain(parts);
  assert.deepEqual(removed, []);

  end();
  await runtime.advance(HOUR_MS / 2);

  assert.equal(removed.length, 2);
});
