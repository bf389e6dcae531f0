import { deepEqual, equal } from "node:assert/strict";
import { openTestEngine } from "tasker/testing";
import hello from "./hello.ts";

Deno.test("hello greets, and says it louder", async () => {
  await using engine = await openTestEngine([hello]);

  const task = await engine.start("examples/hello", { name: "Ada" });

  equal(await task.end(), "completed");
  deepEqual(task.step("greet").result, { greeting: "Hello, Ada!" });
  deepEqual(task.step("shout").result, { shout: "HELLO, ADA!" });
});
