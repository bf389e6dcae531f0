import assert from "node:assert/strict";
import { buildLibrary } from "../ffi/build.ts";
import { openOracle } from "../ffi/oracle.ts";
import { openReadiness } from "../ffi/readiness.ts";
import type { Event } from "../src/core/event.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Readiness } from "../src/core/readiness.ts";
import { type Handle, step, workflow, z } from "../src/mod.ts";
import { openRealEngine } from "./support/engine.ts";
import { makeDatabase } from "./support/postgres.ts";

/** Real DAGs where they are at hand; shapes of our own in any case. */
const WORLD = new URL("../../shared/data/wfinstances/", import.meta.url);

/** Turns of one task that are read at once. */
const TURNS_MAX = 1_000_000;

/** A DAG: parents by position. */
interface Dag {
  readonly name: string;
  readonly parents: readonly (readonly number[])[];
}

/** Whatever a step gives. */
type AnyHandle = Handle<unknown, unknown>;

const nothing = step({ input: z.object({}), success: z.object({}), run: () => ({}) });

/** The DAG as a workflow of steps that do nothing, wired in an order in which parents come first. */
function workflowOf({ name, parents }: Dag) {
  return workflow({ namespace: "dag", name, version: "1.0.0", input: z.object({}) }, (w) => {
    const handles = new Map<number, AnyHandle>();
    const wire = (index: number): AnyHandle => {
      const known = handles.get(index);
      if (known !== undefined) return known;
      const after = (parents[index] as readonly number[]).map(wire);
      const handle = w.step(`s${index}`, nothing, { after, with: () => ({}) });
      handles.set(index, handle);
      return handle;
    };
    parents.forEach((_, index) => wire(index));
  });
}

/** Asserts that each step started once and completed once, after all of its parents. */
function assertInOrder({ name, parents }: Dag, events: readonly Event[], names: string[]): void {
  const startedAt = new Map<number, number>();
  const completedAt = new Map<number, number>();
  events.forEach((event, position) => {
    if (event.kind !== "StepStarted" && event.kind !== "StepCompleted") return;
    const index = Number((names[event.step] as string).slice(1));
    const seen = event.kind === "StepStarted" ? startedAt : completedAt;
    assert.ok(!seen.has(index), `${name}: ${event.kind} of s${index} twice`);
    seen.set(index, position);
  });
  assert.equal(completedAt.size, parents.length, name);
  for (const [index, of] of parents.entries()) {
    for (const parent of of) {
      const isAfter = (startedAt.get(index) as number) > (completedAt.get(parent) as number);
      assert.ok(isAfter, `${name}: s${index} started before its parent s${parent} had completed`);
    }
  }
  assert.equal(events.at(-1)?.kind, "TaskEnded", name);
}

function ownShapes(): Dag[] {
  const ladder = Array.from({ length: 130 }, (_, n) => n < 2 ? [] : [n - 1, n - 2]);
  const fan = [[], ...Array.from({ length: 200 }, () => [0])];
  return [
    { name: "ladder_130", parents: ladder },
    { name: "fan_200", parents: [...fan, fan.map((_, n) => n).slice(1)] },
  ];
}

function worldShapes(): Dag[] {
  let names: string[];
  try {
    names = [...Deno.readDirSync(WORLD)].map(({ name }) => name).filter((name) =>
      name.endsWith(".json")
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log("DAGs of the world are not run: none are here");
    return [];
  }
  return names.sort().map((file) => {
    const { tasks } = JSON.parse(Deno.readTextFileSync(new URL(file, WORLD)));
    const index = new Map<string, number>();
    (tasks as { id: string }[]).forEach(({ id }, at) => index.set(id, at));
    return {
      name: file.replace(/\.json$/, "").replaceAll(/[^a-z0-9]/g, "_"),
      parents: (tasks as { parents: string[] }[]).map(({ parents }) =>
        parents.map((parent) => index.get(parent) as number)
      ),
    };
  });
}

async function runAll(readiness: Readiness): Promise<void> {
  const dags = [...ownShapes(), ...worldShapes()];
  const { url } = await makeDatabase();
  await using engine = await openRealEngine(url, { modules: dags.map(workflowOf), readiness });
  await Promise.all(dags.map(async (dag) => {
    const taskId = await engine.run(`dag/${dag.name}`, {}) as TaskId;
    const { turns } = await engine.journal.history.turns(taskId, 0, TURNS_MAX);
    const names = engine.stepNames(`dag/${dag.name}`);
    assertInOrder(dag, turns.flatMap(({ events }) => events), names);
  }));
}

const library = await buildLibrary({ onLine: (line) => console.error(line) });
if (library.kind === "absent") console.log(`skipped: DAGs in Rust, because ${library.reason}`);

Deno.test("real DAGs run each step once, after its parents, by the oracle", async () => {
  await runAll(openOracle());
});

Deno.test({
  name: "real DAGs run each step once, after its parents, by the Rust core",
  ignore: library.kind === "absent",
  fn: async () => {
    if (library.kind === "absent") return;
    await runAll(openReadiness({ libraryPath: library.libraryPath }).readiness);
  },
});
