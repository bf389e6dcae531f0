/** The laws of readiness, for both implementations. */

import { deepStrictEqual as assertEquals, throws } from "node:assert/strict";

import { TaskerError } from "../src/core/errors.ts";
import { type Graph, packGraph, type When } from "../src/core/graph.ts";
import {
  type Instance,
  InstanceFault,
  type Readiness,
  ReadinessInput as Input,
  ReadinessOutput as Output,
} from "../src/core/readiness.ts";
import { openOracle } from "./oracle.ts";
import { openReadiness, openRustReadiness } from "./readiness.ts";
import { buildLibrary } from "./build.ts";

const library = await buildLibrary();
if (library.kind === "absent") console.log(`Rust readiness is not tested: ${library.reason}`);

/** One answer without its instance: kind, step, cause. */
type Answer = readonly [number, number, number];

/** A step as these tests write it: its parents and its `when`. */
type StepLine = readonly [parents: readonly number[], when?: When];

/** Tests a law on both implementations. */
function law(name: string, check: (readiness: Readiness) => void): void {
  Deno.test(`oracle ${name}`, () => check(openOracle()));
  Deno.test({
    name: `rust ${name}`,
    ignore: library.kind === "absent",
    fn: () => {
      if (library.kind === "absent") return;
      using readiness = openRustReadiness(library.libraryPath);
      check(readiness);
    },
  });
}

function graphOf(lines: readonly StepLine[]): Graph {
  return packGraph(
    lines.map(([parents, when = "succeeded"], step) => ({ name: `s${step}`, parents, when })),
  );
}

/** Pads a graph with roots, so that the same law is checked beyond one word of steps. */
function wideGraphOf(lines: readonly StepLine[]): Graph {
  const roots: StepLine[] = Array.from({ length: 100 }, () => [[]]);
  return graphOf([...lines, ...roots]);
}

function openTask(readiness: Readiness, lines: readonly StepLine[]): Instance {
  return readiness.open(readiness.intern(JSON.stringify(lines), graphOf(lines)));
}

/** Pushes records of one task in one tick and returns the answers. */
function tick(
  readiness: Readiness,
  instance: Instance,
  records: readonly (readonly [Input, number])[],
): Answer[] {
  for (const [input, step] of records) readiness.push(instance, input, step);
  const answers: Answer[] = [];
  readiness.tick((from, kind, step, cause) => {
    assertEquals(from, instance);
    answers.push([kind, step, cause]);
  });
  return answers;
}

function ready(step: number): Answer {
  return [Output.ready, step, 0];
}

function unreached(step: number, cause: number): Answer {
  return [Output.unreached, step, cause];
}

function refusesWith(code: string, work: () => void): void {
  throws(work, (error) => error instanceof TaskerError && error.code === code);
}

law("answers the roots as ready when a task is opened", (readiness) => {
  const task = openTask(readiness, [[[]], [[0]], [[], "always"]]);

  assertEquals(tick(readiness, task, [[Input.opened, 0]]), [ready(0), ready(2)]);
  assertEquals(tick(readiness, task, [[Input.opened, 0]]), []);
});

law("answers a join once, when its last parent ended well", (readiness) => {
  const task = openTask(readiness, [[[]], [[]], [[0, 1]]]);
  tick(readiness, task, [[Input.opened, 0]]);

  assertEquals(tick(readiness, task, [[Input.succeeded, 1]]), []);
  assertEquals(tick(readiness, task, [[Input.succeeded, 0]]), [ready(2)]);
  assertEquals(tick(readiness, task, [[Input.succeeded, 0]]), []);
});

law("ends what waits for a success as unreached at the first failure", (readiness) => {
  const task = openTask(readiness, [[[]], [[]], [[0, 1]], [[2]]]);
  tick(readiness, task, [[Input.opened, 0]]);

  assertEquals(tick(readiness, task, [[Input.failed, 1]]), [unreached(2, 1), unreached(3, 2)]);
  assertEquals(tick(readiness, task, [[Input.failed, 0]]), []);
});

law("lets a step that waits for a failure run once all ended and one failed", (readiness) => {
  const task = openTask(readiness, [[[]], [[]], [[0, 1], "failed"]]);
  tick(readiness, task, [[Input.opened, 0]]);

  assertEquals(tick(readiness, task, [[Input.failed, 0]]), []);
  assertEquals(tick(readiness, task, [[Input.succeeded, 1]]), [ready(2)]);
});

law("counts a step that a failure left unreached as failed for those after it", (readiness) => {
  const task = openTask(readiness, [[[]], [[0]], [[1], "failed"], [[1], "cancelled"]]);
  tick(readiness, task, [[Input.opened, 0]]);

  assertEquals(tick(readiness, task, [[Input.failed, 0]]), [
    unreached(1, 0),
    ready(2),
    unreached(3, 1),
  ]);
});

law("never leaves a child of a cancelled parent waiting", (readiness) => {
  const whens: When[] = ["succeeded", "failed", "cancelled", "always"];
  const task = openTask(readiness, [[[]], ...whens.map((when): StepLine => [[0], when])]);
  tick(readiness, task, [[Input.opened, 0]]);

  assertEquals(tick(readiness, task, [[Input.cancelled, 0]]), [
    unreached(1, 0),
    unreached(2, 0),
    ready(3),
    ready(4),
  ]);
});

law("counts a step unreached for no failure as neither failed nor cancelled", (readiness) => {
  const task = openTask(readiness, [
    [[]],
    [[0], "failed"],
    [[1], "failed"],
    [[1], "cancelled"],
    [[1]],
    [[1], "always"],
  ]);
  tick(readiness, task, [[Input.opened, 0]]);

  assertEquals(tick(readiness, task, [[Input.succeeded, 0]]), [
    unreached(1, 0),
    unreached(2, 1),
    unreached(3, 1),
    unreached(4, 1),
    ready(5),
  ]);
});

law("names the last parent to end as the cause of a failure that did not happen", (readiness) => {
  const task = openTask(readiness, [[[]], [[]], [[0, 1], "failed"]]);
  tick(readiness, task, [[Input.opened, 0], [Input.succeeded, 1]]);

  assertEquals(tick(readiness, task, [[Input.succeeded, 0]]), [unreached(2, 0)]);
});

law("answers a started step again once it is due", (readiness) => {
  const task = openTask(readiness, [[[]]]);
  tick(readiness, task, [[Input.opened, 0]]);

  assertEquals(tick(readiness, task, [[Input.due, 0]]), []);
  assertEquals(tick(readiness, task, [[Input.started, 0]]), []);
  assertEquals(tick(readiness, task, [[Input.due, 0]]), [ready(0)]);
  assertEquals(tick(readiness, task, [[Input.started, 0], [Input.due, 0], [Input.due, 0]]), [
    ready(0),
  ]);
});

law("withholds ready steps of a paused task, but lets ends go on", (readiness) => {
  const task = openTask(readiness, [[[]], [[0]], [[]], [[2]]]);
  tick(readiness, task, [[Input.opened, 0]]);

  assertEquals(tick(readiness, task, [[Input.succeeded, 0], [Input.paused, 0]]), []);
  assertEquals(tick(readiness, task, [[Input.failed, 2]]), [unreached(3, 2)]);
  assertEquals(tick(readiness, task, [[Input.resumed, 0]]), [ready(1)]);
  assertEquals(tick(readiness, task, [[Input.resumed, 0], [Input.resumed, 0]]), [ready(1)]);
});

law("answers only what asks for it in a task that is being cancelled", (readiness) => {
  const task = openTask(readiness, [
    [[]],
    [[]],
    [[0]],
    [[0, 1], "cancelled"],
    [[0], "always"],
  ]);
  tick(readiness, task, [[Input.opened, 0]]);

  assertEquals(tick(readiness, task, [[Input.cancelling, 0], [Input.succeeded, 0]]), [ready(4)]);
  assertEquals(tick(readiness, task, [[Input.cancelled, 1]]), [ready(3)]);
  assertEquals(tick(readiness, task, [[Input.resumed, 0]]), [ready(3), ready(4)]);
});

law("lets an end that is pushed win over one that is derived in the same tick", (readiness) => {
  const lines: StepLine[] = [[[]], [[0]], [[1]]];
  const forward = openTask(readiness, lines);
  const backward = openTask(readiness, lines);
  const history: [Input, number][] = [[Input.opened, 0], [Input.failed, 0], [Input.succeeded, 1]];

  assertEquals(tick(readiness, forward, history), [ready(2)]);
  assertEquals(tick(readiness, backward, history.toReversed()), [ready(2)]);
});

law("recovers a history in any order and answers each unstarted step once", (readiness) => {
  const lines: StepLine[] = [[[]], [[0]], [[0]], [[1]], [[1, 2]]];
  const history: [Input, number][] = [
    [Input.opened, 0],
    [Input.started, 0],
    [Input.succeeded, 0],
    [Input.started, 1],
    [Input.succeeded, 1],
    [Input.started, 2],
  ];
  for (let shift = 0; shift < history.length; shift++) {
    const task = openTask(readiness, lines);
    const inputs = [...history.slice(shift), ...history.slice(0, shift)];

    assertEquals(tick(readiness, task, inputs), [ready(3)]);
    assertEquals(tick(readiness, task, [[Input.succeeded, 2]]), [ready(4)]);
  }
});

law("refuses a stale handle, a step out of range and an unknown kind", (readiness) => {
  const task = openTask(readiness, [[[]]]);
  const closed = openTask(readiness, [[[]]]);
  readiness.close(closed);
  readiness.close(closed);

  assertEquals(tick(readiness, task, [[Input.succeeded, 1], [99 as Input, 0]]), [
    [Output.fault, InstanceFault.stepOutOfRange, 0],
    [Output.fault, InstanceFault.unknownKind, 0],
  ]);
  assertEquals(tick(readiness, closed, [[Input.opened, 0]]), [
    [Output.fault, InstanceFault.staleInstance, 0],
  ]);
});

law("gives a closed task's place to another without mistaking one for the other", (readiness) => {
  const first = openTask(readiness, [[[]]]);
  readiness.close(first);
  const second = openTask(readiness, [[[]]]);

  assertEquals(first === second, false);
  assertEquals(tick(readiness, first, [[Input.succeeded, 0]]), [
    [Output.fault, InstanceFault.staleInstance, 0],
  ]);
  assertEquals(tick(readiness, second, [[Input.opened, 0]]), [ready(0)]);
});

law("extends a task by steps whose parents may have ended", (readiness) => {
  const lines: StepLine[] = [[[]], [[0]]];
  const task = openTask(readiness, lines);
  tick(readiness, task, [[Input.opened, 0], [Input.succeeded, 0], [Input.failed, 1]]);
  const more = [...lines, [[0]], [[0, 1]], [[1], "failed"], [[2]]] as StepLine[];

  readiness.extend(task, readiness.intern("more", graphOf(more)));
  assertEquals(tick(readiness, task, [[Input.opened, 0]]), [ready(2), unreached(3, 1), ready(4)]);
  readiness.extend(task, readiness.intern("wide", wideGraphOf(more)));
  assertEquals(tick(readiness, task, [[Input.succeeded, 2]]), [ready(5)]);
  assertEquals(tick(readiness, task, [[Input.opened, 0]]).length, 100);
});

law("refuses to extend a task to a graph with another beginning", (readiness) => {
  const task = openTask(readiness, [[[]], [[0]]]);
  const other = readiness.intern("other", graphOf([[[]], [[]], [[1]]]));

  refusesWith("graph.invalid", () => readiness.extend(task, other));
  refusesWith("graph.invalid", () => readiness.extend(task, 99));
  readiness.close(task);
  refusesWith("graph.invalid", () => readiness.extend(task, other));
});

law("refuses a graph that is broken or goes in a cycle", (readiness) => {
  const cycle: Graph = {
    stepCount: 2,
    when: new Uint8Array(2),
    parentOffsets: Uint32Array.of(0, 1, 2),
    parents: Uint32Array.of(1, 0),
  };

  refusesWith("graph.cycle", () => readiness.intern("cycle", cycle));
  refusesWith(
    "graph.invalid",
    () => readiness.intern("range", { ...cycle, parents: Uint32Array.of(2, 0) }),
  );
  refusesWith(
    "graph.invalid",
    () => readiness.intern("lengths", { ...cycle, parentOffsets: Uint32Array.of(0, 1) }),
  );
  refusesWith("graph.invalid", () => readiness.open(0));
});

law("interns one hash as one template, and takes a graph without steps or edges", (readiness) => {
  const empty = graphOf([]);

  assertEquals(readiness.intern("", empty), readiness.intern("", empty));
  assertEquals(tick(readiness, readiness.open(0), [[Input.opened, 0]]), []);
});

law("loses no answer of a tick that has more than one call can bring", (readiness) => {
  const steps = 10_000;
  const lines: StepLine[] = Array.from({ length: steps }, () => [[]]);
  const task = openTask(readiness, lines);

  assertEquals(
    tick(readiness, task, [[Input.opened, 0]]),
    Array.from({ length: steps }, (_, step) => ready(step)),
  );
});

law("stages more records than it has room for at first", (readiness) => {
  const tasks = Array.from({ length: 3_000 }, () => openTask(readiness, [[[]]]));
  for (const task of tasks) readiness.push(task, Input.opened, 0);
  const answered: Instance[] = [];

  readiness.tick((instance) => answered.push(instance));

  assertEquals(answered, tasks);
});

law("counts the bytes of open tasks only", (readiness) => {
  const before = readiness.bytesUsed();
  const task = openTask(readiness, [[[]]]);
  const during = readiness.bytesUsed();
  readiness.close(task);

  assertEquals(during > before, true);
  assertEquals(readiness.bytesUsed(), before);
});

Deno.test("openReadiness() falls back to the oracle where there is no library, and says why", () => {
  const choice = openReadiness({ libraryPath: "/nowhere/libtasker_core.so" });

  assertEquals(choice.readiness.kind, "typescript");
  assertEquals(choice.fallbackReason?.includes("/nowhere/libtasker_core.so"), true);
});

Deno.test({
  name: "openReadiness() takes the Rust core where there is a library",
  ignore: library.kind === "absent",
  fn: () => {
    if (library.kind === "absent") return;

    const choice = openReadiness({ libraryPath: library.libraryPath });

    assertEquals(choice.readiness.kind, "rust");
    assertEquals(choice.fallbackReason, undefined);
  },
});

Deno.test("openRustReadiness() refuses a file that is no library", () => {
  const path = new URL(import.meta.url).pathname;

  refusesWith("ffi.broken", () => openRustReadiness(path));
});

Deno.test({
  name: "rust answers ffi.broken once it is disposed of",
  ignore: library.kind === "absent",
  fn: () => {
    if (library.kind === "absent") return;
    const readiness = openRustReadiness(library.libraryPath);
    readiness[Symbol.dispose]();

    refusesWith("ffi.broken", () => readiness.bytesUsed());
  },
});
