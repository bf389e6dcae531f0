import { deepEqual, equal, match } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

const PLACED = { id: "1", type: "order.placed", data: { id: 5 } };

Deno.test("events send shows what each trigger did, and fails when something was refused", async () => {
  const cli = openCliHarness({
    files: {
      "one.json": JSON.stringify(PLACED),
      "two.json": JSON.stringify([{ ...PLACED, id: "2", data: {} }, { id: "3", type: "other" }]),
      "bad.json": "{",
    },
  });
  const start = '{"workflow":"orders/process","tags":["o-${event.data.id}"]}';
  const put = await cli.say(
    ...["triggers", "put", "orders/placed", "--type", "order.placed", "--start", start],
  );
  const send = (file: string) => cli.say("events", "send", file, "--namespace", "orders");

  const [one, two, bad] = [await send("one.json"), await send("two.json"), await send("bad.json")];
  const removed = await cli.say("triggers", "remove", "orders/placed");

  equal(put.code, 0);
  const [task] = await cli.fake.engine.tasks({ namespaces: undefined, limit: 1 });
  deepEqual([one.code, one.out], [0, ["Event 1", `  placed  started ${task?.taskId}`]]);
  equal(two.code, 1);
  match(
    two.out.join("\n"),
    /^Event 2\n {2}placed {2}contract.violation .+\nEvent 3: no trigger of/,
  );
  deepEqual([bad.code, bad.err[0]], [
    2,
    '✗ Cannot send "bad.json": it is not valid JSON at line 1, column 2',
  ]);
  deepEqual(removed.out, ["Trigger orders/placed is removed"]);
});
