import { deepEqual, equal, ok as assert } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";
import type { JournalEntry, Workflow } from "../client.ts";
import { entryLine, journalLines, nodeLines, valueLines, workflowLines } from "./result_lines.ts";
import { noPaint } from "./format.ts";

const at = "2026-01-01T10:00:00.123Z";

const ENTRIES: readonly JournalEntry[] = [
  {
    turn: 1,
    number: 1,
    kind: "TaskStarted",
    at,
    definitionHash: "hash",
    input: { id: 1 },
    tags: [],
    key: "A-1",
    deadlineAt: "2026-01-01T11:00:00.000Z",
  },
  {
    turn: 1,
    number: 2,
    kind: "StepStarted",
    at,
    step: "pay",
    attempt: 1,
    waitedMs: 3,
    policyVersion: 0,
  },
  {
    turn: 2,
    number: 1,
    kind: "StepParked",
    at,
    step: "pay",
    attempt: 3,
    ranMs: 1_500,
    reason: "attempts_exhausted",
    choices: ["retry", "skip"],
    failure: { class: "failed", error: { error_code: "declined", error_message: "no money" } },
  },
  {
    turn: 12,
    number: 1,
    kind: "StepResolved",
    at,
    step: "pay",
    by: "ada",
    reason: "",
    result: "ok",
  },
  { turn: 13, number: 1, kind: "MoonRose", at, phaseOfMoon: 0.5 },
];

Deno.test("journalLines() draws events in columns, payloads and newer kinds too", () => {
  deepEqual(journalLines(ENTRIES, noPaint), [
    '1.1   10:00:00.123  TaskStarted        input {"id":1} · key A-1 · deadline at 11:00:00.000',
    "1.2   10:00:00.123  StepStarted   pay  attempt 1 · waited 3 ms",
    "2.1   10:00:00.123  StepParked    pay  attempt 3 · ran 1.5 s · reason attempts_exhausted" +
    " · choices retry, skip · failed: declined: no money",
    '12.1  10:00:00.123  StepResolved  pay  by ada · result "ok"',
    "13.1  10:00:00.123  MoonRose           phase of moon 0.5",
  ]);
});

Deno.test("entryLine() draws one event on its own", () => {
  const lines = ENTRIES.slice(0, 2).map((entry) => entryLine(entry, noPaint));

  equal(
    lines[0],
    '1.1     10:00:00.123  TaskStarted        input {"id":1} · key A-1 · deadline at 11:00:00.000',
  );
  equal(lines[1], "1.2     10:00:00.123  StepStarted        pay  attempt 1 · waited 3 ms");
});

Deno.test("a time of another day has its date, in a journal", () => {
  const waits = { ...ENTRIES[1], dueAt: "2026-01-03T15:19:34.553Z" } as JournalEntry;

  equal(entryLine(waits, noPaint).endsWith("due at 2026-01-03 15:19:34.553"), true);
});

Deno.test("nothing is drawn for null, and times as people read them", () => {
  const shares = [{ limit: "*", waitsSince: null }, {
    limit: "a.b",
    waitsSince: "2026-01-01T10:00:00.123Z",
  }];

  deepEqual(valueLines(shares, noPaint), [
    "LIMIT  WAITS SINCE",
    "*",
    "a.b    2026-01-01 10:00:00 UTC",
  ]);
});

Deno.test("a workflow says which version starts take where it is not the highest", async () => {
  const { out } = await openCliHarness().say("workflows", "orders/process", "--json");
  const [stored] = (JSON.parse(out[0] ?? "") as Workflow).versions;
  assert(stored !== undefined);
  const versions = ["2.0.0", "1.0.0"].map((version) => ({
    ...stored,
    version,
    definition: { ...stored.definition, version },
  }));
  const headOf = (starts: string) =>
    workflowLines({ namespace: "orders", name: "process", versions, starts }, noPaint).slice(1, 3);

  deepEqual(headOf("1.0.0"), ["also 1.0.0", "starts take 1.0.0; what follows is 2.0.0"]);
  deepEqual(headOf("2.0.0"), ["also 1.0.0", "input  {}"]);
});

Deno.test("nodes are shown with their share of the tasks, and those that are silent", () => {
  const node = { id: "i", name: "node-1", isThis: true, version: "0.1.0", renewedAgoMs: 300 };
  const silent = { ...node, name: "node-2", isThis: false, renewedAgoMs: 12_000, isExpired: true };
  const nodes = [{ ...node, isExpired: false, since: at, slots: 2_048 }, { ...silent, slots: 0 }];

  deepEqual(nodeLines(nodes, noPaint), [
    "NODE              STATE              VERSION  STARTED (UTC)        SHARE OF TASKS",
    "node-1 (answers)  alive              0.1.0    2026-01-01 10:00:00  50 %",
    "node-2            silent for 12.0 s  0.1.0                         0 %",
  ]);
});
