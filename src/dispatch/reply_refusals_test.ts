import assert from "node:assert/strict";
import { DispatchHarness } from "../../tests/support/dispatch_harness.ts";
import { targetOf } from "./replies.ts";

const TASK = "0199d1c0-0000-7000-8000-000000000001";

for (
  const [what, change, why] of [
    ["without a token", () => undefined, /it has no token: copy "taskerreplytoken"/],
    ["with rubbish for a token", () => "rubbish", /not of the form that commands carry/],
    [
      "with a token of a key that was rotated out",
      (token: string) => token.replace(/^v1\.[^.]+/, "v1.earlier"),
      /signed by key "earlier", which this server does not have/,
    ],
    ["with a forged token", (token: string) => `${token}x`, /its token is forged/],
  ] as const
) {
  Deno.test(`a reply ${what} is refused in words that say what to correct`, async () => {
    const harness = new DispatchHarness();
    const exp = harness.runtime.now() + 1_000;
    const claims = { task: TASK, step: "reserve", attempt: 1, sys: "stock", exp };
    const token = change(harness.tokens.sign(claims));
    const planOf = () => Promise.resolve(undefined);
    const reply = {
      subject: `tasker.${TASK}.reserve`,
      ...(token !== undefined && { taskerreplytoken: token }),
    };

    await assert.rejects(() => targetOf({ ...harness, planOf }, "stock", reply), why);
  });
}
