import { equal, throws } from "node:assert/strict";
import { Faults } from "./fault.ts";

const at = (line: number) => () => ({ file: "file:///app/workflows/a.ts", line, column: 1 });

Deno.test("Faults list each fault once, as they stand in the file", () => {
  const faults = new Faults();
  faults.add({ path: "b", at: at(2) }, "bad", "is bad");
  faults.add({ path: "a", at: at(1) }, "bad", "is bad");
  faults.add({ path: "b", at: at(2) }, "bad", "is bad");

  throws(() => faults.relativeTo("file:///app/").demandNone(`workflow "x"`), {
    code: "definition.invalid",
    message: `Cannot load workflow "x": found 2 faults
  workflows/a.ts:1:1 a: is bad
  workflows/a.ts:2:1 b: is bad`,
  });
});

Deno.test("Faults show the first 50 and count the rest", () => {
  const faults = new Faults();
  for (let line = 1; line <= 60; line++) faults.add({ path: "a", at: at(line) }, "bad", `${line}`);

  const { message, faults: all } = faults.toError("x");

  equal(message.split("\n").length, 52);
  equal(message.endsWith("… and 10 more"), true);
  equal(all.length, 60);
});
