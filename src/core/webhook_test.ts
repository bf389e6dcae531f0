import { equal } from "node:assert/strict";
import { Name } from "./fields.ts";
import { WEBHOOK_NAME_LENGTH_MAX, webhookDefinition } from "./webhook.ts";

const HOOK = { url: "https://a.test/", secret: "S", version: "v1" };

Deno.test("a delivery that waited a minute for its circuit was given up", () => {
  const [step] = webhookDefinition("hook", HOOK).steps;

  equal(step?.policy.onExhausted, "fail");
  equal(step?.policy.queueTimeoutMs, undefined);
});

Deno.test("the workflow of the longest name has a name that filters take, one more has not", () => {
  const longest = "x".repeat(WEBHOOK_NAME_LENGTH_MAX);

  equal(Name.safeParse(webhookDefinition(longest, HOOK).name).success, true);
  equal(Name.safeParse(webhookDefinition(`${longest}x`, HOOK).name).success, false);
});
