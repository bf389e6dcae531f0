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

Deno.test("webhooks and triggers are listed with their state, and none with what makes one", async () => {
  const cli = openCliHarness();
  const none = [await cli.say("webhooks"), await cli.say("triggers")];
  const start = '{"workflow":"orders/process"}';
  const put = (name: string, ...options: readonly string[]) =>
    cli.say("triggers", "put", `orders/${name}`, "--type", name, "--start", start, ...options);
  await put("placed", "--filter", '{"$.event.data.country":"DE"}');
  await put("pushed", "--signed", '{"scheme":"github","secret":"HOOK"}');
  await cli.say("triggers", "disable", "orders/placed");
  await cli.say(
    ...["webhooks", "put", "billing", "--url", "https://a.test/", "--events", "task.failed"],
    ...["--secret", "S"],
  );
  const policies = cli.fake.deps.policies;
  const { steps } = (await policies.newest()).get("tasker/triggers:orders")!;
  const signed = { scheme: "github", secret: "ABSENT" };
  const gone = { ...steps, pushed: { ...steps.pushed, signed } };
  const about = { by: "ada", reason: "", atMs: 0 };
  await policies.put("tasker", "triggers:orders", { ...about, steps: gone }, 3);

  const [webhooks, triggers] = [await cli.say("webhooks"), await cli.say("triggers")];

  for (const { out: [says = "", how = ""] } of none) {
    match(says, /^no (webhooks|triggers): /);
    match(how, /^make one: .* put /);
  }
  match(webhooks.out[1] ?? "", /^billing +sends +task.failed +all workflows +0 +0 +0 +https/);
  match(
    triggers.out[1] ?? "",
    /^orders\/placed +paused +placed if \S+country +with a key +starts /,
  );
  match(triggers.out[2] ?? "", /^orders\/pushed +refuses all +pushed +signed: github +starts /);
  equal(triggers.out[4], "orders/pushed refuses every event: ABSENT is not named");
});
