/// <reference lib="deno.ns" />

import { deepEqual, equal } from "node:assert/strict";
import type { TaskSummary } from "../../../src/client.ts";
import { liveRow, type TaskPage, unshown } from "./live_rows.ts";

/** A task of a minute; ids sort by time, as those of the engine do. */
function task(minute: number, state: TaskSummary["state"] = "running"): TaskSummary {
  const createdAt = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  return { id: `t${String(minute).padStart(3, "0")}`, createdAt, state } as TaskSummary;
}

const ROW = { task: task(30), cursor: "c" };

Deno.test("a row has the state of the newest read of its page", () => {
  const page: TaskPage = { tasks: [task(31), task(30, "completed"), task(29)] };
  deepEqual(liveRow(ROW, page), { task: task(30, "completed"), kind: "live" });
  equal(liveRow(ROW, undefined).kind, "old");
});

Deno.test("a row that its page would have and does not has left; what was not looked at is old", () => {
  const searchedTo = task(20).createdAt;
  const next = { nextCursor: "d", searchedTo };
  equal(liveRow(ROW, { tasks: [task(31)] }).kind, "left");
  equal(liveRow(ROW, { tasks: [task(31), task(29)], ...next }).kind, "left");
  equal(liveRow(ROW, { tasks: [], ...next }).kind, "left");
  equal(
    liveRow(ROW, { tasks: [task(31)], nextCursor: "d", searchedTo: ROW.task.createdAt }).kind,
    "old",
  );
});

Deno.test("tasks that match now and have no row are counted, down to the last row", () => {
  const rows = [task(30), task(28)].map((one) => ({ task: one, cursor: "" }));
  const pages = [{ tasks: [task(31), task(30), task(29)] }, { tasks: [task(29), task(27)] }];
  equal(unshown(rows, pages), 2);
});
