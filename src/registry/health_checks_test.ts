import assert from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import type { HealthChange } from "../core/ports.ts";
import type { Instance } from "../core/system.ts";
import { SystemDirectory } from "../core/system_directory.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { HealthChecks } from "./health_checks.ts";

/** Checks of instances of one system, each at a host of its own name. */
function checked(names: readonly string[]) {
  const runtime = new VirtualRuntime();
  const directory = new SystemDirectory();
  const states = new Map<string, Instance["state"]>(names.map((name) => [name, "healthy"]));
  const answers = new Map<string, number | Error>();
  const reported: string[] = [];
  const asked: string[] = [];
  const warned: string[] = [];
  let [inFlight, most] = [0, 0];
  const show = () =>
    directory.set([...states].map(([instance, state]): Instance => ({
      system: "inventory",
      instance,
      version: "1.0.0",
      state,
      isDeclared: false,
      healthUrl: `http://${instance}/health`,
      namespaces: [],
      capabilities: [],
    })));
  show();
  const checks = new HealthChecks({
    runtime,
    directory,
    egress: {
      async request({ url }) {
        const host = new URL(url).host;
        asked.push(host);
        most = Math.max(most, ++inFlight);
        await Promise.resolve();
        inFlight--;
        const answer = answers.get(host) ?? 200;
        if (answer instanceof Error) throw answer;
        return { status: answer, headers: {}, body: new Uint8Array() };
      },
    },
    report(changes: readonly HealthChange[]) {
      for (const { instance, state } of changes) {
        states.set(instance, state);
        reported.push(`${instance} ${state}`);
      }
      show();
      return Promise.resolve();
    },
    isMine: (key) => !key.endsWith("/foreign"),
    warn: (text) => void warned.push(text),
  });
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      await checks.look();
      await runtime.advance(1_000);
    }
  };
  return { answers, reported, asked, warned, peak: () => most, pass };
}

Deno.test("an instance is unhealthy after three failures in a row, and healthy after two answers", async () => {
  const { answers, reported, pass } = checked(["a", "b"]);
  answers.set("a", 503);

  await pass(3);
  assert.deepEqual(reported, []);
  await pass(4);
  assert.deepEqual(reported, ["a unhealthy"]);
  answers.delete("a");
  await pass(10);

  assert.deepEqual(reported, ["a unhealthy", "a healthy"]);
});

Deno.test("one node checks an instance, and asks a healthy one every ten seconds", async () => {
  const { asked, pass } = checked(["a", "foreign"]);

  await pass(60);

  assert.ok(asked.every((host) => host === "a"));
  assert.ok(asked.length >= 6 && asked.length <= 8, `${asked.length}`);
});

Deno.test("when all hosts fail at once, the node suspects itself for a minute, not for ever", async () => {
  const names = ["a", "b", "c", "d"];
  const { answers, reported, pass } = checked(names);
  await pass(5);
  const lost = new TaskerError("egress.failed", "Cannot reach it");
  for (const name of names) answers.set(name, lost);

  await pass(40);
  assert.deepEqual(reported, []);
  answers.set("a", 200);
  await pass(61);
  assert.deepEqual(reported.toSorted(), ["b unhealthy", "c unhealthy", "d unhealthy"]);
  answers.clear();
  await pass(80);

  assert.deepEqual(reported.slice(3).toSorted(), ["b healthy", "c healthy", "d healthy"]);
});

Deno.test("what the guard does not allow is not checked, and its lease alone counts", async () => {
  const { answers, reported, asked, warned, pass } = checked(["a", "b", "c"]);
  const refused = new TaskerError("egress.refused", "Not allowed");
  for (const name of ["a", "b", "c"]) answers.set(name, refused);

  await pass(120);

  assert.deepEqual(reported, []);
  assert.equal(asked.length, 6);
  assert.equal(warned.length, 1);
});

Deno.test("checks at once are bounded, whatever the number of instances", async () => {
  const { asked, peak, pass } = checked(Array.from({ length: 1_000 }, (_, at) => `i${at}`));

  await pass(2);

  assert.equal(new Set(asked).size, 1_000);
  assert.equal(peak(), 64);
});
