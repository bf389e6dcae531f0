import { deepEqual, ok } from "node:assert/strict";
import { type Client, openClient } from "../../src/client.ts";
import { axe, CHROMIUM, withWebApp } from "../support/browser.ts";

/** An order whose payment fails: a step of another system, and an approval after it. */
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
    result: { type: object, required: [payment_id], properties: { payment_id: { type: string } } }
  - name: approve
    depends_on: charge
    signal:
      form: { type: object, required: [note], properties: { note: { type: string } } }
  - name: receipt
    depends_on: approve
    transform: { payment: $.charge.payment_id }
`;

/** Takes the commands of a system and fails each, until no more is there. */
async function failCharges(client: Client): Promise<void> {
  const { envelopes } = await client.call("pollBus", {
    ...{ system: "payments", instance: "one", max: 10, waitMs: 20_000 },
  });
  ok(envelopes.length > 0, "no command came");
  for (const { id, subject, taskerreplytoken } of envelopes) {
    await client.call("replyBus", {
      system: "payments",
      replies: {
        ...{ specversion: "1.0", id: `${id}:no`, source: "/payments", subject, taskerreplytoken },
        type: "tasker.step.failed",
        data: {
          error_code: "card_declined",
          error_message: "The card was declined",
          retryable: true,
        },
      },
    });
  }
}

Deno.test({
  name:
    "an order fails and parks; a person reads why, resolves it by a form, approves, and it completes",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      const client = openClient({ url: server.url, key: server.key });
      await client.call("deployWorkflow", { text: ORDER, reason: "the test needs it" });
      const tasks = await Promise.all(
        ["eu", "us"].map((region) => client.start("shop/order", { input: { region } })),
      );
      await failCharges(client);
      const page = await open("/parked", { size: { width: 1440, height: 900 } });
      const parked = page.getByRole("region", { name: "Parked work" });
      await parked.getByText("card_declined").first().waitFor();
      deepEqual(await axe(page), []);

      await page.goto(`${server.url}/tasks?where=region%3Deu`);
      await page.getByRole("table", { name: "Tasks" }).waitFor();
      const link = page.getByRole("cell").getByRole("link");
      deepEqual(await link.allTextContents(), [tasks[0]?.id]);
      deepEqual(await axe(page), []);
      await link.click();

      await page.getByText('Waits for a person to decide about "charge"').waitFor();
      await page.getByRole("region", { name: "Diagnosis" }).waitFor();
      deepEqual(await axe(page), []);
      await page.getByRole("button", { name: "Resolve" }).click();
      await page.getByText("Nothing is run").waitFor();
      await page.getByRole("dialog").getByLabel("payment_id").fill("p-7");
      await page.getByRole("dialog").getByRole("button", { name: "Resolve" }).click();
      await page.getByText('Waits for the signal "approve"').waitFor();
      const overview = await open("/");
      await overview.getByRole("table", { name: "Tasks that wait for a decision" })
        .getByText(tasks[1]?.id ?? "").waitFor();
      await overview.getByRole("table", { name: "Approvals and other signals" })
        .getByText(tasks[0]?.id ?? "").waitFor();
      await overview.close();
      await page.getByRole("option", { name: /approve/ }).click();
      await page.getByRole("button", { name: "Send signal" }).click();
      await page.getByRole("dialog").getByLabel("note").fill("fine");
      await page.getByRole("dialog").getByRole("button", { name: "Send signal" }).click();
      await page.getByText("It has completed").waitFor();

      await page.getByRole("slider").fill("2");
      await page.getByText(/as it was at/).waitFor();
      await page.getByRole("tab", { name: /Journal/ }).click();
      await page.getByText("StepResolved").waitFor();
      deepEqual(await axe(page), []);

      await page.getByRole("slider").fill("9");
      await page.getByRole("tab", { name: "Time line" }).click();
      await page.getByRole("option", { name: /approve/ }).click();
      await page.getByRole("button", { name: "Fork from here" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByText("Takes the results of").waitFor();
      await dialog.getByText("Runs once more").waitFor();
      deepEqual(await axe(page), []);
      await dialog.getByLabel("Why").fill("the note was wrong");
      await dialog.getByRole("button", { name: "Fork", exact: true }).click();
      await page.getByText("Forked from").waitFor();
      await page.getByText('Waits for the signal "approve"').waitFor();
      await page.getByRole("link", { name: tasks[0]?.id ?? "" }).click();
      await page.getByText("Forked to").waitFor();
      await page.getByText("It has completed").waitFor();
    }),
});

Deno.test({
  name: "all parked tasks of a filter are counted, retried page by page, and the list follows",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      const client = openClient({ url: server.url, key: server.key });
      await client.call("deployWorkflow", { text: ORDER, reason: "the test needs it" });
      for (const region of ["eu", "us", "eu"]) {
        await client.start("shop/order", { input: { region } });
      }
      await failCharges(client);
      const page = await open("/tasks");
      await page.getByRole("button", { name: "Needs a person" }).click();
      await page.getByRole("button", { name: "Retry …" }).click();
      await page.getByText("This is about 3 steps of 3 tasks").waitFor();
      await page.getByRole("button", { name: "retry 3 steps of 3 tasks" }).click();
      await page.getByText("3 changed").waitFor();
      await page.getByText("No task matches").waitFor();
    }),
});

/** A workflow of transforms, each after the one before but for a fan of ten. */
function largeWorkflow(steps: number): string {
  const each = Array.from({ length: steps }, (_, n) => {
    const after = n < 10 ? "" : `depends_on: s${n - 10}, `;
    return `  - { name: s${n}, ${after}transform: { n: ${n} } }`;
  });
  return ["name: large", "namespace: shop", "version: 1.0.0", "workflow_steps:", ...each].join(
    "\n",
  );
}

Deno.test({
  name: "a task of 500 steps draws the rows that are seen, and every step can be reached by key",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      const client = openClient({ url: server.url, key: server.key });
      await client.call("deployWorkflow", {
        text: largeWorkflow(500),
        reason: "the test needs it",
      });
      const { id } = await client.run("shop/large", { input: {} });
      const page = await open(`/tasks/${id}`, { size: { width: 1440, height: 900 } });
      const steps = page.getByRole("listbox", { name: "Steps over time" });
      await steps.getByRole("option").first().waitFor();
      await page.getByRole("tab", { name: "Journal (1002 events)" }).waitFor();
      ok(await steps.getByRole("option").count() < 80);

      await steps.focus();
      for (let press = 0; press < 40; press++) await page.keyboard.press("ArrowDown");
      await page.getByRole("heading", { name: "s40", exact: true }).waitFor();
      await page.getByRole("tab", { name: /Journal/ }).click();
      const journal = page.getByRole("region", { name: "Journal" });
      await journal.getByText("TaskStarted").waitFor();
      ok(await journal.getByRole("listitem").count() < 80);
      await journal.evaluate((area) => area.scrollTo(0, area.scrollHeight));
      await journal.getByText("TaskEnded").waitFor();
      deepEqual(await axe(page), []);
    }),
});

/** Moves of the slider, of which each draws 500 steps as they were. */
const MOVES = 40;

Deno.test({
  name:
    "a task of 500 steps and 10,000 events draws what is seen, at every turn that the slider is at",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      const client = openClient({ url: server.url, key: server.key });
      const { id, turn } = await client.run("test/failing", { input: { attempts: 10 } });
      const page = await open(`/tasks/${id}`, { size: { width: 1440, height: 900 } });
      await page.getByRole("tab", { name: "Journal (10002 events)" }).waitFor();
      const slider = page.getByRole("slider");
      for (const view of ["Time line", "Graph", "Journal"]) {
        await page.getByRole("tab", { name: new RegExp(view) }).click();
        await page.getByRole("tabpanel").getByText(/^s0$|TaskStarted/).first().waitFor();
        for (let move = 0; move < MOVES; move++) {
          await slider.fill(String(1 + Math.round((move * 7 % MOVES) / MOVES * (turn - 2))));
        }
        await page.getByText(/as it was at/).waitFor();
        const elements = await page.getByRole("tabpanel").locator("*").count();
        ok(elements <= 900, `"${view}" has ${elements} elements`);
      }
    }, { TASKER_WORKFLOWS: new URL("../fixtures/histories", import.meta.url).pathname }),
});
