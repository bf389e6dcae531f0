import assert from "node:assert/strict";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { watchLostCommands } from "./lost_commands.ts";

/** A broker and open attempts, as a test sets them. */
class Watched {
  readonly runtime = new VirtualRuntime();
  readonly resent: { system: string; startedBeforeMs: number }[] = [];
  systems: readonly string[] = ["bank"];
  depths: Readonly<Record<string, number>> = {};
  seesHeld = true;
  isAway = false;
  asked = 0;

  watch() {
    return watchLostCommands({
      runtime: this.runtime,
      log: SILENT_LOG,
      metrics: new Metrics(),
      prefix: "p",
      bus: {
        ping: () =>
          Promise.resolve({ server: "b", delays: true, counts: true, seesHeld: this.seesHeld }),
        depth: (channel) => {
          this.asked++;
          if (this.isAway) return Promise.reject(new Error("away"));
          return Promise.resolve(this.depths[channel] ?? 0);
        },
      },
    }, {
      systems: () => this.systems,
      resend: (system, startedBeforeMs) => this.resent.push({ system, startedBeforeMs }),
    });
  }
}

Deno.test("what was started before both channels were empty twice in a row is sent again", async () => {
  const watched = new Watched();
  const firstLookMs = watched.runtime.now();
  const end = watched.watch();

  await watched.runtime.advance(4_000);
  assert.deepEqual(watched.resent, []);
  await watched.runtime.advance(2_000);
  await end();

  assert.deepEqual(watched.resent, [{ system: "bank", startedBeforeMs: firstLookMs }]);
});

Deno.test("a command that waits or is held, and a reply that waits, are not lost", async () => {
  for (const channel of ["p.cmd.bank", "p.reply.bank"]) {
    const watched = new Watched();
    watched.depths = { [channel]: 1 };
    const end = watched.watch();

    await watched.runtime.advance(60_000);
    await end();

    assert.deepEqual(watched.resent, []);
  }
});

Deno.test("an outage between two looks is no loss", async () => {
  const watched = new Watched();
  const end = watched.watch();
  await watched.runtime.advance(1_000);
  watched.isAway = true;
  await watched.runtime.advance(9_000);
  watched.isAway = false;

  await watched.runtime.advance(4_000);
  assert.deepEqual(watched.resent, []);
  await watched.runtime.advance(6_000);
  await end();

  assert.ok(watched.resent.length > 0);
});

Deno.test("without open attempts, or where held commands cannot be seen, nothing is asked", async () => {
  const idle = new Watched();
  idle.systems = [];
  const blind = new Watched();
  blind.seesHeld = false;
  for (const watched of [idle, blind]) {
    const end = watched.watch();
    await watched.runtime.advance(60_000);
    await end();

    assert.deepEqual([watched.asked, watched.resent], [0, []]);
  }
});
