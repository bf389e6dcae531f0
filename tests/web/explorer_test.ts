import { openClient } from "../../src/client.ts";
import type { Scope } from "../../src/core/api_key.ts";
import { CHROMIUM, withWebApp } from "../support/browser.ts";
import { seedOf } from "../support/chaos.ts";
import { explore } from "../support/explorer.ts";

/** Acts of one walk; six walks of 1,000 take half an hour. */
const STEPS = Number(Deno.env.get("TEST_EXPLORER_STEPS") ?? 25);

/** One task of it goes on, and one stands in each state that waits. */
const WORKFLOW = `name: explored
namespace: shop
version: 1.0.0
input: { type: object, required: [region], properties: { region: { type: string } } }
search:
  region: { from: $.input.region }
systems:
  payments: { capabilities: [payment.charge] }
workflow_steps:
  - name: price
    transform: { total: 100, region: $.input.region }
  - name: charge
    owner: payments
    event_pattern: payment.charge
    depends_on: price
    retry: { attempts_max: 1 }
    result: { type: object, required: [payment_id], properties: { payment_id: { type: string } } }
  - name: approve
    depends_on: price
    signal:
      form: { type: object, required: [note], properties: { note: { type: string } } }
  - name: rest
    depends_on: approve
    sleep: 1h
  - name: receipt
    depends_on: charge
    transform: { payment: $.charge.payment_id }
`;

const ROLES: Readonly<Record<string, readonly Scope[]>> = {
  viewer: ["read"],
  operator: ["read", "write", "operate"],
  admin: ["admin", "read", "write", "operate", "deploy"],
};

/** Tasks that wait for a system, a person and time, that failed, were cancelled, paused, and completed. */
async function makeTasks(server: { readonly url: string; readonly key: string }): Promise<void> {
  const client = openClient(server);
  await client.call("deployWorkflow", { text: WORKFLOW, reason: "something to look at" });
  const start = (region: string) => client.start("shop/explored", { input: { region } });
  const [failing, resting, cancelled, paused] = await Promise.all(
    ["eu", "us", "asia", "eu"].map(start),
  );
  const { envelopes } = await client.call("pollBus", {
    ...{ system: "payments", instance: "one", max: 1, waitMs: 20_000 },
  });
  for (const { id, subject, taskerreplytoken } of envelopes) {
    await client.call("replyBus", {
      system: "payments",
      replies: {
        ...{ specversion: "1.0", id: `${id}:no`, source: "/payments", subject, taskerreplytoken },
        type: "tasker.step.failed",
        data: { error_code: "card_declined", error_message: "Declined", retryable: true },
      },
    });
  }
  if (failing === undefined || resting === undefined) throw new Error("tasks did not start");
  await client.call("sendSignal", { id: resting.id, name: "approve", payload: { note: "yes" } });
  await client.call("cancelTask", { id: cancelled?.id ?? "", reason: "not wanted" });
  await client.call("pauseTask", { id: paused?.id ?? "", reason: "later" });
  await client.start("examples/hello", { input: { name: "Ada" } });
}

Deno.test({
  name: "random walks over all pages as each role, in both themes, find no error",
  ignore: CHROMIUM === undefined,
  fn: (test) =>
    withWebApp(async ({ open, server }) => {
      const client = openClient(server);
      await makeTasks(server);
      let seed = seedOf("explorer");
      for (const [role, scopes] of Object.entries(ROLES)) {
        for (const theme of ["light", "dark"] as const) {
          seed++;
          await test.step(`${role}, ${theme}, seed ${seed}`, async () => {
            const { key } = await client.call("makeKey", {
              ...{ name: `${role} ${theme}`, scopes: [...scopes], namespaces: ["*"] },
            });
            const page = await open("/", {
              ...{ key, theme, expects: ["status of"] },
              size: theme === "dark" ? { width: 360, height: 800 } : { width: 1280, height: 800 },
            });
            await explore(page, { seed, steps: STEPS });
            await page.context().close();
          });
        }
      }
    }),
});
