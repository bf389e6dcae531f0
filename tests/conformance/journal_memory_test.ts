import { MemoryJournal } from "../../src/journal/memory_journal.ts";
import {
  MemoryAttendance,
  MemoryDefinitions,
  MemoryStatistics,
} from "../../src/journal/memory_stores.ts";
import type { Incarnation } from "../../src/core/ids.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { MemoryDeployments } from "../support/memory_deployments.ts";
import { testJournal } from "./journal_suite.ts";

testJournal("memory", async () => {
  const journal = new MemoryJournal(openRuntime());
  const incarnation = crypto.randomUUID() as Incarnation;
  await journal.join({ incarnation, name: "test" });
  const definitions = new MemoryDefinitions();
  const close = () => Promise.resolve();
  return {
    ...{ journal, nodes: journal, tasks: journal, incarnation },
    statistics: new MemoryStatistics(),
    attendance: new MemoryAttendance(),
    definitions,
    deployments: new MemoryDeployments(definitions),
    [Symbol.asyncDispose]: close,
  };
});
