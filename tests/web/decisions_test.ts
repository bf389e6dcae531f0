import { deepEqual, match, ok } from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import postgres from "postgres";
import { type Client, openClient } from "../../src/client.ts";
import { axe, CHROMIUM, type WebApp, withWebApp } from "../support/browser.ts";
import { until } from "../support/serve.ts";

/** An order whose payment fails for good; nothing needs its result. */
const ORDER = `name: order
namespace: shop
version: 1.0.0
input: { type: object, required: [region], properties: { region: { type: string } } }
search:
  region: { from: $.input.region }
systems:
  payments: { capabilities: [payment.charge] }
workflow_steps:
  - name: charge
    owner: payments
    event_pattern: payment.charge
    retry: { attempts_max: 1 }
    result: { type: object, required: [receipt], properties: { receipt: { type: string } } }
    alternatives: [{ name: by_phone, manual: Call the customer }]
  - name: thanks
    depends_on: charge
    transform: { said: thanks }
`;

/** Tasks of each region. */
const PER_REGION = 2;

/** Starts orders of some regions, and fails the payment of each. */
async function park(client: Client, regions: readonly string[]): Promise<readonly string[]> {
  await client.call("deployWorkflow", { text: ORDER, reason: "the test needs it" });
  const inputs = regions.flatMap((region) =>
    Array.from({ length: PER_REGION }, () => ({ region }))
  );
  const tasks = [];
  for (const input of inputs) tasks.push(await client.start("shop/order", { input }));
  for (let failed = 0; failed < tasks.length;) {
    const of = { system: "payments", instance: "one", max: 10, waitMs: 20_000 };
    const { envelopes } = await client.call("pollBus", of);
    failed += envelopes.length;
    const error = { error_code: "card_declined", error_message: "no", retryable: true };
    const replies = envelopes.map(({ id, subject, taskerreplytoken }) => ({
      ...{ specversion: "1.0" as const, id: `${id}:no`, source: "/payments", subject },
      ...{ taskerreplytoken, type: "tasker.step.failed" as const, data: error },
    }));
    await client.call("replyBus", { system: "payments", replies });
  }
  return tasks.map(({ id }) => id);
}

/** Publishes answers to a command that nobody sent, as a broken worker would. */
async function publishForged(dataDir: string): Promise<void> {
  const folder = `${dataDir}/postgres`;
  const password = (await Deno.readTextFile(`${folder}/password`)).trim();
  const [, , , port] = (await Deno.readTextFile(`${folder}/data/postmaster.pid`)).split("\n");
  const sql = postgres(`postgres://tasker:${password}@127.0.0.1:${port}/postgres`, { max: 1 });
  try {
    for (let count = 0; count < LETTERS; count++) {
      const id = crypto.randomUUID();
      const of = { specversion: "1.0", id, source: "/payments", subject: "nothing" };
      const body = { ...of, type: "tasker.step.completed", taskerreplytoken: "forged", data: {} };
      await sql`insert into tasker.bus_envelope (channel, id, body)
        values ('tasker.workflows.reply.payments', ${id}, ${JSON.stringify(body)})`;
    }
  } finally {
    await sql.end();
  }
}

/** Dead letters of the test, and how long an engine may take to find them. */
const LETTERS = 3;
const FOUND_MS_MAX = 60_000;

/** Waits until all answers have been put aside, for the first time or again. */
async function putAside(client: Client): Promise<void> {
  await until("dead letters", FOUND_MS_MAX, async () => {
    const { letters } = await client.call("listDead", { system: "payments" });
    return letters.length === LETTERS ? true : undefined;
  });
}

/** Presses a button, and the one of the same name in the question that it asks. */
async function press(page: Page, button: string, verb: string): Promise<void> {
  await page.getByRole("button", { name: button, exact: true }).first().click();
  await confirm(page, verb);
}

/** Presses the button of the question that is asked. */
async function confirm(page: Page, verb: string): Promise<void> {
  deepEqual(await axe(page), []);
  await page.getByRole("dialog").getByRole("button", { name: verb, exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** Fields and buttons of the form of a webhook are fewer. */
const TABS_MAX = 60;

/** Goes to a field or button by Tab, and types there. */
async function type(page: Page, at: Locator, ...keys: readonly string[]): Promise<void> {
  const there = at.and(page.locator(":focus"));
  for (let tabs = 0; await there.count() === 0; tabs++) {
    ok(tabs < TABS_MAX, `no way by Tab to ${at}`);
    await page.keyboard.press("Tab");
  }
  for (const key of keys) {
    if (/^(Enter|Space)$/.test(key)) await page.keyboard.press(key);
    else await page.keyboard.type(key);
  }
}

/** Makes a webhook by its form, without a mouse. */
async function makeWebhook(page: Page, url: string): Promise<void> {
  await type(page, page.getByRole("button", { name: "Make a webhook …" }), "Enter");
  const dialog = page.getByRole("dialog");
  await type(page, dialog.getByLabel("name"), "billing");
  await type(page, dialog.getByLabel("url"), url);
  await type(page, dialog.getByLabel("task.started"), "Space");
  await type(page, dialog.getByLabel("secret"), "HOOK_SECRET");
  const secret = dialog.getByRole("region", { name: "Secret" });
  await type(page, dialog.getByRole("button", { name: "Make a value for a new secret" }), "Enter");
  match(await secret.innerText(), /^whsec_\S{44}$/);
  deepEqual(await axe(page), []);
  await type(page, dialog.getByRole("button", { name: "Make it" }), "Enter");
  await dialog.waitFor({ state: "detached" });
}

/** Makes a trigger by its form, and then gives it a tag. */
async function makeTrigger(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Make a trigger …" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("name").fill("orders");
  await dialog.getByLabel("type").fill("order.placed");
  await dialog.getByLabel("workflow").selectOption("shop/order");
  await dialog.getByLabel("input").fill('{"region": ');
  await dialog.getByRole("button", { name: "Make it" }).click();
  deepEqual(await dialog.locator("textarea:invalid").count(), 1, "no form is sent without it");
  await dialog.getByLabel("input").fill('{"region": "$.event.data.region"}');
  await confirm(page, "Make it");
  await page.getByRole("button", { name: "Change …" }).click();
  await dialog.getByRole("button", { name: "Add to tags" }).click();
  await dialog.getByRole("textbox", { name: "tags 1" }).fill("by ${event.id}");
  await confirm(page, "Change it");
}

/** A webhook whose receiver was away for one event, and a trigger: shown, decided about, removed. */
async function decideAboutEvents({ open }: Pick<WebApp, "open">, client: Client): Promise<void> {
  let isAway = true;
  await using receiver = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    return new Response(null, { status: isAway ? 410 : 204 });
  });
  const page = await open("/webhooks");
  await makeWebhook(page, `http://127.0.0.1:${receiver.addr.port}/hook`);
  await page.getByRole("link", { name: "All webhooks" }).click();
  await page.getByRole("tab", { name: "Triggers" }).click();
  await makeTrigger(page);
  await client.call("sendEvents", {
    namespace: "shop",
    events: [{ id: "1", type: "order.placed", data: { region: "eu" } }],
  });
  await until("the event is given up", FOUND_MS_MAX, async () => {
    const { webhooks } = await client.call("listWebhooks", {});
    return webhooks[0]?.failed.count === 1 || undefined;
  });
  isAway = false;
  deepEqual((await client.call("listTasks", { tag: "by 1" })).tasks.length, 1);

  await page.getByRole("tab", { name: "Webhooks" }).click();
  await page.getByRole("link", { name: "billing" }).click();
  await press(page, "Send what was given up …", "Send what was given up");
  await page.getByText("1 of 1 are sent again").waitFor();
  await page.getByText("1 were delivered").waitFor();
  await page.getByLabel("Theme").selectOption("dark");
  await press(page, "Pause …", "Pause");
  await page.getByText("It is paused: nothing is kept for it.").waitFor();
  await press(page, "Remove …", "Remove");
  await page.getByText("No event is sent anywhere").waitFor();
  await page.getByRole("tab", { name: "Triggers" }).click();
  await press(page, "Pause …", "Pause");
  await page.getByRole("region", { name: "Triggers" }).getByText("paused").waitFor();

  const viewer = await client.call("makeKey", {
    ...{ name: "viewer", scopes: ["read"], namespaces: ["shop"] },
  });
  const seen = await open("/webhooks", { key: viewer.key });
  await seen.getByText("are shown to keys with admin").waitFor();
  await seen.getByText("order.placed").waitFor();
  deepEqual(await seen.getByRole("button", { name: "Pause …" }).count(), 0);
  const make = seen.getByRole("button", { name: "Make a trigger …" });
  deepEqual(await make.isDisabled(), true);
  match(await make.getAttribute("aria-describedby") ?? "", /./);
}

Deno.test({
  name: "events that go out and come in, and dead letters, are shown and decided about",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server, dataDir }) => {
      const client = openClient(server);
      await client.call("deployWorkflow", { text: ORDER, reason: "the test needs it" });
      await decideAboutEvents({ open }, client);
      const page = await open("/systems/payments");
      await page.getByText("None: every envelope").waitFor();

      await publishForged(dataDir);
      await putAside(client);
      const dialog = page.getByRole("dialog");
      await page.getByRole("button", { name: /^Show / }).first().click();
      await dialog.getByRole("region", { name: "Body" }).getByText("forged").waitFor();
      await dialog.getByRole("button", { name: "Close" }).click();

      await page.getByRole("button", { name: /^Replay (?!all)/ }).first().click();
      await dialog.getByRole("button", { name: "Replay" }).click();
      await page.getByText("It is back in its channel.").waitFor();
      await putAside(client);
      await press(page, "Replay all", "Replay");
      await page.getByText(`${LETTERS} are back in their channels`).waitFor();
      await putAside(client);
      await page.getByRole("button", { name: /^Discard (?!all)/ }).first().waitFor();
      await press(page, "Discard all", "Discard");
      await page.getByText(`${LETTERS} are discarded`).waitFor();
      await page.getByText("None: every envelope").waitFor();
    }, {
      TASKER_EGRESS: "127.0.0.0/8",
      TASKER_SECRETS: "HOOK_SECRET",
      HOOK_SECRET: "secret of the test",
    }),
});

Deno.test({
  name: "a suggestion of a diagnosis is done, and bulk changes skip and choose",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      const client = openClient(server);
      const parked = await park(client, ["eu", "us", "asia"]);
      const [first = ""] = parked;
      const page = await open(`/tasks/${first}`, { size: { width: 1440, height: 900 } });
      const suggestions = page.getByRole("region", { name: "Diagnosis" });
      await suggestions.getByRole("group", { name: "Suggestion: skip" })
        .getByRole("button", { name: "Do this" }).click();
      await page.getByRole("dialog").getByLabel(/^Why/).fill("paid in cash");
      await page.getByRole("dialog").getByRole("button", { name: "Skip" }).click();
      await page.getByText("It has completed").waitFor();
      await page.goto(`${server.url}/tasks/${parked.at(-1)}`);
      await suggestions.getByText(/^It began .* in another task: /).waitFor();
      await suggestions.getByRole("group", { name: "Suggestion: by_phone" })
        .getByRole("button", { name: "Do this" }).click();
      await page.getByRole("dialog").getByLabel(/receipt/).fill("R-1");
      await page.getByRole("dialog").getByLabel(/^Why/).fill("paid by phone");
      await page.getByRole("dialog").getByRole("button", { name: "by_phone" }).click();
      await page.getByText("It has completed").waitFor();
      await page.goto(`${server.url}/tasks/${first}?step=thanks`);
      const transform = page.getByRole("complementary", { name: "Step thanks" });
      await transform.getByText("after charge").waitFor();
      deepEqual(await transform.getByText("Attempt").count(), 0);

      for (const [region, action, tasks] of [["us", "Skip", 2], ["eu", "Choose", 1]] as const) {
        await page.goto(`${server.url}/tasks?where=region%3D${region}&state=blocked`);
        await page.getByRole("button", { name: `${action} …` }).click();
        const dialog = page.getByRole("dialog");
        await dialog.getByText(/^This is about/).waitFor();
        if (action === "Choose") await dialog.getByLabel(/^Choice/).fill("skip");
        deepEqual(await axe(page), []);
        await dialog.getByRole("button", { name: new RegExp(`^${action}`, "i") }).click();
        await page.getByText(`${tasks} changed`).waitFor();
        await page.getByText("No task matches").waitFor();
        await page.getByRole("button", { name: "Close" }).click();
      }
      const { tasks } = await client.call("listTasks", { state: "completed" });
      deepEqual(tasks.length, 2 * PER_REGION + 1);

      await page.goto(server.url);
      const calls = page.getByRole("region", { name: "Calls of systems" });
      await calls.getByRole("img", { name: /^Calls of payments in the last hour: \d/ }).waitFor();
      deepEqual(await axe(page), []);
    }),
});
