import { deepEqual, equal } from "node:assert/strict";
import type { Step, Task } from "../client.ts";
import { noPaint } from "./format.ts";
import { layTree, stepLines, taskLines } from "./task_lines.ts";

const ID = "01a2114f-ea8f-780e-a8c1-74dd058f51ac";
const BEGIN_MS = Date.UTC(2026, 0, 1, 10);

/** The time `ms` after the task was created. */
function at(ms: number): string {
  return new Date(BEGIN_MS + ms).toISOString();
}

function stepOf(name: string, parts: Partial<Step> = {}): Step {
  const common = { kind: "local", state: "pending", owner: "shop", when: "succeeded" } as const;
  return { name, ...common, after: [], attempt: 0, attemptsMax: 3, ...parts };
}

function taskOf(steps: readonly Step[], parts: Partial<Task> = {}): Task {
  return {
    id: ID,
    namespace: "shop",
    workflow: "checkout",
    version: "1.0.0",
    definitionHash: "hash",
    state: "running",
    input: null,
    tags: [],
    createdAt: at(0),
    turn: 1,
    steps,
    ...parts,
  };
}

const ran = { attempt: 1, startedAt: at(0), endedAt: at(12) };

Deno.test("taskLines() draws every state of a step, with its owner, attempts, time and what is next", () => {
  const after = ["a"];
  const task = taskOf([
    stepOf("a", { state: "completed", ...ran }),
    stepOf("b", { after, state: "running", attempt: 2, startedAt: at(1_000), dueAt: at(31_000) }),
    stepOf("c", {
      after,
      kind: "remote",
      state: "waiting_for_reply",
      attempt: 1,
      startedAt: at(0),
    }),
    stepOf("d", {
      after,
      state: "waiting_for_retry",
      attempt: 1,
      nextAttemptAt: at(7_250),
      errorClass: "thrown",
      error: { error_code: "thrown", error_message: "down" },
    }),
    stepOf("e", {
      after,
      state: "parked",
      attempt: 3,
      parkedReason: "attempts_exhausted",
      choices: ["retry", "resolve", "skip", "cancel"],
      errorClass: "failed",
      error: { error_code: "declined", error_message: "no money" },
    }),
    stepOf("f", { after: ["e"], owner: "bank" }),
    stepOf("g", { after, state: "failed", ...ran, errorClass: "timed_out", error: "late" }),
    stepOf("h", { after: ["g"], state: "unreached", unreachedBecause: "g" }),
    stepOf("i", { after: ["f", "g"], when: "failed" }),
    stepOf("j", { after, state: "cancelled", ...ran }),
    stepOf("k", { after, state: "skipped", ...ran }),
    stepOf("l", { after, state: "resolved_manually", ...ran }),
    stepOf("m", {
      after,
      kind: "signal",
      state: "waiting_for_reply",
      attempt: 1,
      startedAt: at(0),
    }),
    stepOf("n", { after, kind: "sleep", state: "running", startedAt: at(0), dueAt: at(65_000) }),
  ], { state: "running", tags: ["vip"], deadlineAt: at(605_000) });

  deepEqual(taskLines(task, { paint: noPaint, nowMs: BEGIN_MS + 5_000 }), [
    `shop/checkout 1.0.0  ${ID}`,
    "● running  6 of 14 steps ended · started 5.0 s ago · deadline in 10 m · tags vip",
    "",
    "✓ a        completed          shop  attempt 1/3  12 ms",
    "├ ● b      running            shop  attempt 2/3  for 4.0 s, times out in 26.0 s",
    "├ ◐ c      waiting_for_reply  shop  attempt 1/3  for 5.0 s",
    "├ ↻ d      waiting_for_retry  shop  attempt 1/3  next attempt in 2.2 s (10:00:07.250 UTC)",
    "│     thrown: down",
    "├ ! e      parked             shop  attempt 3/3",
    "│ │   waits for a person: attempts_exhausted",
    "│ │   failed: declined: no money",
    `│ │   → deno task tasker retry ${ID} e`,
    `│ │   → deno task tasker resolve ${ID} e --result JSON`,
    `│ │   → deno task tasker skip ${ID} e`,
    `│ │   → deno task tasker cancel ${ID}`,
    "│ └ ○ f    pending            bank",
    "│   └ ○ i  pending            shop               also after g, only if one of f, g fails",
    "├ ✗ g      failed             shop  attempt 1/3  12 ms",
    '│ │   timed_out: "late"',
    "│ └ – h    unreached          shop               because of how g ended",
    "├ ⊘ j      cancelled          shop  attempt 1/3  12 ms",
    "├ » k      skipped            shop  attempt 1/3  12 ms",
    "├ ✎ l      resolved_manually  shop  attempt 1/3  12 ms",
    "├ ◐ m      waiting_for_reply  shop               for 5.0 s",
    `│     → deno task tasker signal ${ID} m --payload JSON`,
    "└ ● n      running            shop               for 5.0 s, wakes in 1 m",
  ]);
});

Deno.test("taskLines() says how long an ended task took, what it gave, and why a blocked one waits", () => {
  const steps = [stepOf("a", { state: "completed", ...ran })];
  const ended = taskOf(steps, { state: "completed", endedAt: at(61_000), deadlineAt: at(90_000) });
  const blocked = taskOf(steps, { state: "blocked", blockedReason: 'step "a" is parked' });

  deepEqual(taskLines(ended, { paint: noPaint, nowMs: BEGIN_MS }).slice(1, 2), [
    "✓ completed  1 of 1 steps ended · took 1 m 1 s, ended 2026-01-01 10:01:01 UTC",
  ]);
  const output = { ...ended, output: { id: 7 } };
  deepEqual(taskLines(output, { paint: noPaint, nowMs: BEGIN_MS }).slice(2, 3), [
    'output  {"id":7}',
  ]);
  const invalid = {
    ...ended,
    errorClass: "contract_violation",
    error: { error_code: "x", error_message: "no" },
  };
  deepEqual(taskLines(invalid, { paint: noPaint, nowMs: BEGIN_MS }).slice(2, 3), [
    "  contract_violation: x: no",
  ]);
  deepEqual(taskLines(blocked, { paint: noPaint, nowMs: BEGIN_MS }).slice(1, 3), [
    "! blocked  1 of 1 steps ended · started 0 ms ago",
    '  step "a" is parked',
  ]);
});

Deno.test("stepLines() keeps running steps when there is no room for all, and counts the rest", () => {
  const done = Array.from(
    { length: 30 },
    (_, index) => stepOf(`done_${index}`, { state: "completed", ...ran }),
  );
  const parked = stepOf("stuck", { state: "parked", attempt: 1, choices: ["retry", "skip"] });
  const task = taskOf([...done, stepOf("busy", { state: "running", startedAt: at(0) }), parked]);
  const lines = (rowsMax: number) => stepLines(task, { paint: noPaint, nowMs: BEGIN_MS, rowsMax });

  deepEqual(lines(7), [
    "✓ done_0  completed  shop  attempt 1/3  12 ms",
    "● busy    running    shop               for 0 ms",
    "! stuck   parked     shop  attempt 1/3",
    "    waits for a person: no reason given",
    `    → deno task tasker retry ${ID} stuck`,
    `    → deno task tasker skip ${ID} stuck`,
    "… and 29 more steps",
  ]);
  deepEqual(lines(3), [
    "! stuck  parked  shop  attempt 1/3",
    "    waits for a person: no reason given",
    "… and 31 more steps",
  ]);
  equal(lines(35).length, 35);
});

function drawn(graph: Record<string, readonly string[]>): string[] {
  const nodes = Object.entries(graph).map(([name, after]) => ({ name, after }));
  return layTree(nodes).map(({ node, first, others }) =>
    `${first}${node.name}${others.length === 0 ? "" : ` (${others.join(" ")})`}`
  );
}

Deno.test("layTree() draws a chain by indentation", () => {
  deepEqual(drawn({ a: [], b: ["a"], c: ["b"] }), [
    "a",
    "└ b",
    "  └ c",
  ]);
});

Deno.test("layTree() draws a step with many parents once, below all of them, and names the others", () => {
  deepEqual(drawn({ a: [], b: ["a"], c: ["a"], d: ["b", "c"], e: ["d", "a"] }), [
    "a",
    "├ b",
    "└ c",
    "  └ d (b)",
    "    └ e (a)",
  ]);
});

Deno.test("layTree() hangs a step under the parent that is farthest from the roots", () => {
  deepEqual(drawn({ a: [], b: ["a"], c: ["b"], d: ["a", "c"], e: ["a"] }), [
    "a",
    "├ b",
    "│ └ c",
    "│   └ d (a)",
    "└ e",
  ]);
});

Deno.test("layTree() draws several roots", () => {
  deepEqual(drawn({ a: [], b: [], c: ["a"], d: ["b", "c"] }), ["a", "└ c", "  └ d (b)", "b"]);
});

Deno.test("layTree() gives the indentation of further lines of a step", () => {
  const nodes = [
    { name: "a", after: [] },
    { name: "b", after: ["a"] },
    { name: "c", after: ["b"] },
    { name: "d", after: ["a"] },
  ];

  deepEqual(layTree(nodes).map(({ rest }) => rest), ["│ ", "│ │ ", "│     ", "    "]);
});

Deno.test("layTree() lays 50,000 steps side by side, and one after all of them", () => {
  const parts = Array.from({ length: 50_000 }, (_, index) => ({ name: `p${index}`, after: ["a"] }));
  const join = { name: "join", after: parts.map(({ name }) => name) };

  const laid = layTree([{ name: "a", after: [] }, ...parts, join]);

  equal(laid.at(-1)?.first, "  └ ");
  equal(laid.at(-1)?.others.length, 49_999);
});

Deno.test("layTree() lays 100,000 steps in a row, and indents them no further than fits", () => {
  const nodes = Array.from({ length: 100_000 }, (_, index) => ({
    name: `s${index}`,
    after: index === 0 ? [] : [`s${index - 1}`],
  }));

  const laid = layTree(nodes);

  equal(laid.length, 100_000);
  equal(laid.at(-1)?.first.length, 32);
});

Deno.test("taskLines() says where to look when a step waits, by what it waits for", () => {
  const steps = [
    stepOf("a", { kind: "remote", owner: "bank" }),
    stepOf("b", { kind: "remote", owner: "*" }),
  ];
  const hints = (blockedReason: string) =>
    taskLines(taskOf(steps, { state: "waiting", blockedReason }), {
      paint: noPaint,
      nowMs: BEGIN_MS,
    }).filter((line) => line.startsWith("  → "));

  deepEqual(hints('step "a": system_concurrency'), ["  → deno task tasker limits bank"]);
  deepEqual(hints('step "a": no_healthy_instance'), ["  → deno task tasker system bank"]);
  deepEqual(hints('step "a": no_worker'), ["  → start a worker of bank: deno task tasker systems"]);
  deepEqual(hints('step "b": no_system_offers'), ["  → deno task tasker systems"]);
  deepEqual(hints('step "b": system_rate'), ["  → deno task tasker systems"]);
  deepEqual(hints('step "a": concurrency_max'), ["  → deno task tasker policies shop/checkout"]);
  deepEqual(hints('step "a": a_newer_reason'), []);
  deepEqual(hints('step "a" is parked: attempts_exhausted'), []);
});

Deno.test("a step that asks by capability is drawn with the system that was chosen", () => {
  const step = stepOf("a", { kind: "remote", owner: "*", system: "bank", state: "running" });

  deepEqual(stepLines(taskOf([step]), { paint: noPaint, nowMs: BEGIN_MS }), ["● a  running  bank"]);
});
