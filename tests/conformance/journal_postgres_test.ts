import { JournalBench } from "../support/journal_node.ts";
import { testJournal } from "./journal_suite.ts";

testJournal("postgres", async () => {
  const bench = await JournalBench.open();
  return { ...await bench.node(), [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose]() };
});
