import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Page } from "playwright-core";
import { openClient } from "../../src/client.ts";
import { axe, CHROMIUM, type WebApp, withWebApp } from "../support/browser.ts";
import { largeText } from "../support/large_workflow.ts";
import { startOrderWorkers } from "../support/order_workers.ts";

const ORDER = ["order.validate", "inventory.check", "payment.process", "order.finalize"];

/** The stories below; all of them use one server and one browser. */
const STORIES: { readonly name: string; readonly fn: (app: WebApp) => Promise<void> }[] = [];

function story(name: string, fn: (app: WebApp) => Promise<void>): void {
  STORIES.push({ name, fn });
}

async function addCapability(page: Page, capability: string): Promise<void> {
  await page.getByRole("button", { name: "Add a step …" }).click();
  const registered = page.getByRole("region", { name: "Registered capabilities" });
  await registered.getByRole("button", { name: capability }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function deploy(page: Page, reason: string): Promise<void> {
  await page.getByRole("button", { name: "Deploy …" }).click();
  await page.getByLabel("Reason").fill(reason);
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** Starts a task on the deployed workflow and waits until every card says that it completed. */
async function runForReal(page: Page, steps: readonly string[]): Promise<void> {
  await page.getByRole("tab", { name: "Tasks" }).click();
  await page.getByLabel("order_id").fill("A-1");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  for (const step of steps) {
    await page.getByLabel(new RegExp(`^${step}, .*completed`)).waitFor();
  }
}

story(
  "a person builds the order workflow by mouse, deploys it, and runs it for real",
  async ({ open }) => {
    const page = await open("/builder", { size: { width: 1440, height: 900 } });
    await page.getByLabel("Name", { exact: true }).fill("paid_order");
    for (const capability of ORDER) await addCapability(page, capability);
    const steps = ["validate_order", "check_inventory", "process_payment", "finalize_order"];

    await page.locator('.react-flow__node[data-id="finalize_order"]').waitFor();
    const cards = await page.locator(".react-flow__node").evaluateAll((nodes) =>
      nodes.map((node) => node.getAttribute("data-id"))
    );
    deepEqual(cards, steps);
    deepEqual(await axe(page), []);

    await page.locator('[data-id="check_inventory"] .react-flow__handle.source').dragTo(
      page.locator('[data-id="finalize_order"] .react-flow__handle.target'),
    );
    await page.getByText("Connect check_inventory to finalize_order").waitFor();
    await page.locator('[data-id="process_payment"]').click();
    await page.getByText("Policy", { exact: true }).click();
    await page.getByLabel("Attempts at most").fill("5");
    await page.getByRole("tab", { name: "Problems" }).click();
    await page.getByRole("button", { name: "Park instead of trying again" }).click();
    await page.getByText("W32").waitFor({ state: "detached" });
    await deploy(page, "orders are paid");
    await runForReal(page, steps);

    deepEqual(await axe(page), []);
  },
);

/** Presses Tab until what has the focus has a name. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const role = page.locator(":focus");
  for (let pressed = 0; pressed < 200; pressed++) {
    await page.keyboard.press("Tab");
    const found = await role.evaluate(
      (element) => {
        const { labels } = element as { labels?: ArrayLike<{ textContent: string | null }> };
        return element.getAttribute("aria-label") ?? labels?.[0]?.textContent ??
          element.textContent;
      },
      undefined,
      { timeout: 1_000 },
    ).catch(() => "");
    if (typeof name === "string" ? found?.trim() === name : name.test(found ?? "")) return;
  }
  throw new Error(`Tab never reaches "${name}"`);
}

story(
  "a person builds, deploys and runs the order workflow by keyboard alone, in the outline",
  async ({ open }) => {
    const page = await open("/builder", { size: { width: 1440, height: 900 } });
    const { keyboard } = page;
    await tabTo(page, "Name");
    await keyboard.press("Control+A");
    await keyboard.type("typed_order");
    await keyboard.press("Enter");
    await tabTo(page, "Add a step …");
    for (const capability of ORDER) {
      // The focus comes back to the button just after the dialog has gone.
      await page.locator("button:focus").waitFor();
      await keyboard.press("Enter");
      await page.getByRole("dialog").locator("input:focus").waitFor();
      await keyboard.type(capability);
      await tabTo(page, new RegExp(`^${capability}`));
      await keyboard.press("Enter");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await tabTo(page, "finalize_order");
    await keyboard.press("ArrowUp");
    await keyboard.press("ArrowUp");
    await keyboard.press("Enter");
    await tabTo(page, "Connect to");
    await keyboard.type("finalize_order");
    await tabTo(page, "Connect");
    await keyboard.press("Enter");
    await page.getByText("Connect check_inventory to finalize_order").waitFor();
    await tabTo(page, "Undo: Connect check_inventory to finalize_order");
    await keyboard.press("Enter");
    await page.getByText("Undid: Connect check_inventory to finalize_order").waitFor();
    await tabTo(page, "Deploy …");
    await keyboard.press("Enter");
    await page.getByLabel("Reason").waitFor();
    await tabTo(page, "Reason");
    await keyboard.type("typed");
    await tabTo(page, "Deploy");
    await keyboard.press("Enter");
    await page.getByText("Deployed 1.0.0").waitFor();
    await tabTo(page, /^order_id/);
    await keyboard.type("A-1");
    await tabTo(page, "Start");
    await keyboard.press("Enter");

    for (const step of ["validate_order", "check_inventory", "process_payment"]) {
      await page.getByLabel(new RegExp(`^${step}, .*completed`)).waitFor();
    }
    await page.getByLabel(/^finalize_order, .*completed/).waitFor();
  },
);

const TEXT = `# how orders are paid
name: order_by_text   # as the shop calls it
version: 1.0.0
input: { type: object, required: [order_id], properties: { order_id: { type: string } } }

workflow_steps:
  - name: check   # first of all
    transform: { id: $.input.order_id }

  - { name: rest, depends_on: check, sleep: '2s' } # quoted
`;

story(
  "comments and layout of a text stay when the canvas changes one field, and typing joins its undo",
  async ({ open }) => {
    const page = await open("/builder", { size: { width: 1440, height: 900 } });
    const kept = () =>
      page.evaluate(() => JSON.parse(sessionStorage.getItem("tasker.builder") ?? "{}").text);
    const becomes = async (text: string) => {
      await page.waitForFunction(
        (wanted) => JSON.parse(sessionStorage.getItem("tasker.builder") ?? "{}").text === wanted,
        text,
      );
    };
    await page.getByRole("button", { name: "Open …" }).click();
    await page.getByLabel("A file").setInputFiles({
      name: "order.yaml",
      mimeType: "text/yaml",
      buffer: Buffer.from(TEXT),
    });
    await becomes(TEXT);

    await page.locator('[data-id="rest"]').click();
    await page.getByLabel("How long").fill("5s");
    await page.getByLabel("How long").press("Enter");
    await becomes(TEXT.replace("'2s'", "'5s'"));
    await page.getByRole("tab", { name: "Text" }).click();
    await page.locator(".cm-content").click();
    await page.keyboard.press("Control+End");
    await page.keyboard.insertText("# end");
    await becomes(`${TEXT.replace("'2s'", "'5s'")}# end`);
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    await becomes(TEXT);

    deepEqual(await kept(), TEXT);
    deepEqual(await axe(page), []);
  },
);

story(
  "a description becomes a workflow by part, suggestions complete it, and it runs for real",
  async ({ open }) => {
    const page = await open("/builder", { size: { width: 1440, height: 900 } });
    await page.getByRole("button", { name: "Describe it …" }).click();
    await page.getByLabel("What the workflow is to do").fill(
      "1. Validate the order\n2. Check the inventory\n3. Process the payment",
    );
    await page.getByRole("button", { name: "Propose", exact: true }).click();
    await page.getByLabel(/^3\. /).uncheck();
    await page.getByText("+   - name: check_inventory").waitFor();
    await page.getByText("process_payment").first().waitFor();
    deepEqual(await axe(page), []);
    await page.getByRole("button", { name: "Take it" }).click();
    for (const step of ["process_payment", "finalize_order"]) {
      await page.getByRole("button", { name: "Add a step …" }).click();
      const suggested = page.getByRole("region", { name: "Suggested next" });
      await suggested.getByRole("button", { name: step }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await page.getByRole("tab", { name: "Run" }).click();
    await page.getByRole("button", { name: "Run on a virtual clock" }).click();
    await page.getByLabel(/^finalize_order, .*completed/).waitFor();
    await page.getByRole("combobox", { name: "Run" }).selectOption("3");

    await page.getByLabel(/^process_payment, .*(failed|person)/).waitFor();
    await deploy(page, "described");
    await runForReal(page, ["validate_order", "check_inventory", "finalize_order"]);

    const workflow = await page.evaluate(() =>
      /^name: (.*)$/m.exec(JSON.parse(sessionStorage.getItem("tasker.builder") ?? "{}").text)?.[1]
    );
    const shown = await open(`/workflows/default/${workflow}`, {
      size: { width: 1440, height: 900 },
    });
    await shown.getByLabel(/^finalize_order, system/).click();
    await shown.getByRole("region", { name: "Step finalize_order" }).waitFor();
    await shown.getByRole("tab", { name: "Versions" }).click();
    await shown.getByText("described").waitFor();
    deepEqual(await axe(shown), []);
  },
);

const VERSIONED = `name: versioned
version: 1.0.0
input:
  type: object
  required: [order_id]
  properties: { order_id: { type: string }, gift: { type: boolean } }

workflow_steps:
  - name: check   # first of all
    transform: { id: $.input.order_id }

  - name: rest
    depends_on: check
    sleep: 1s

  - name: confirm
    depends_on: rest
    transform: { id: $.check.id }
`;

story(
  "a draft outlives a reload, meets a newer version, is deployed by force, and is reverted",
  async ({ open, server }) => {
    const client = openClient({ url: server.url, key: server.key });
    const deployed = (text: string, reason: string) =>
      client.call("deployWorkflow", { text, file: "versioned.yaml", reason });
    await deployed(VERSIONED, "the first");
    const page = await open("/builder/default/versioned", {
      size: { width: 1440, height: 900 },
      theme: "dark",
      expects: ["status of 409"],
    });
    await page.getByText("as deployed").waitFor();
    await page.getByLabel("required").nth(1).check();
    await page.getByText("draft, from 1.0.0").waitFor();
    await page.waitForFunction(() =>
      sessionStorage.getItem("tasker.builder default/versioned")?.includes("gift]")
    );
    await page.reload();
    await page.getByText("draft, from 1.0.0").waitFor();

    await deployed(VERSIONED.replace("1.0.0", "1.1.0").replace("1s", "2s # longer"), "rest longer");
    await page.getByText(/1\.1\.0 was deployed by .*: rest longer/).waitFor();
    await page.getByRole("button", { name: "Show the difference" }).click();
    deepEqual(await axe(page), []);
    await page.getByRole("button", { name: "Bring my changes into it" }).click();
    await page.getByText("draft, from 1.1.0").waitFor();
    await page.getByRole("tab", { name: "Text" }).click();
    await page.getByText("2s # longer").waitFor();

    await page.getByRole("button", { name: "Deploy …" }).click();
    await page.getByRole("button", { name: "Raise the version to 1.2.0" }).click();
    await page.getByLabel("Reason").fill("gifts are named");
    const button = page.getByRole("button", { name: "Deploy", exact: true });
    ok(await button.isDisabled(), "it breaks others, and nobody said why");
    deepEqual(await axe(page), []);
    await page.getByLabel("Why it may break others").fill("the shop sends it");
    await button.click();
    await page.getByText("Deployed 1.2.0").waitFor();
    await page.getByText("as deployed").waitFor();

    await page.goto(`${server.url}/workflows/default/versioned`);
    await page.getByRole("tab", { name: "Versions" }).click();
    await page.getByRole("button", { name: "Revert to 1.0.0" }).click();
    await page.getByText("instead of 1.2.0").waitFor();
    await page.getByLabel(/^Why/).fill("gifts are not named yet");
    deepEqual(await axe(page), []);
    await page.getByRole("dialog").getByRole("button", { name: "Revert to 1.0.0" }).click();
    await page.getByText("gifts are not named yet").waitFor();
    const { starts } = await client.call("getWorkflow", {
      namespace: "default",
      name: "versioned",
    });
    equal(starts, "1.0.0");
  },
);

story("what files define is not opened as if it were a document", async ({ open }) => {
  const page = await open("/builder/orders/distributed_order_processing", {
    expects: ["status of 404"],
  });
  await page.getByText("was not deployed as a document").waitFor();

  await page.getByRole("link", { name: /^Look at/ }).click();
  await page.getByRole("heading", { name: "orders/distributed_order_processing" }).waitFor();
});

story("a phone shows one part of the builder at a time, in the dark too", async ({ open }) => {
  const page = await open("/builder", { size: { width: 360, height: 800 }, theme: "dark" });
  await page.getByRole("button", { name: "Add a step …" }).click();
  await page.getByRole("button", { name: /^Wait/ }).click();
  await page.getByRole("region", { name: "Outline" }).getByRole("button", { name: "wait" }).click();
  await page.getByLabel("How long").waitFor();
  deepEqual(await axe(page), []);
  await page.getByRole("button", { name: "Canvas" }).click();
  await page.locator('[data-id="wait"]').waitFor();
  deepEqual(await axe(page), []);

  ok(await page.getByLabel("How long").isHidden(), "the details are not shown beside it");
  const width = await page.evaluate("document.documentElement.scrollWidth");
  ok(Number(width) <= 360, `the page is ${width} px wide`);
});

story(
  "a graph of 500 steps and 1,000 edges draws what is seen, and is walked by keys",
  async ({ open }) => {
    const page = await open("/builder", { size: { width: 1440, height: 900 } });
    await page.getByRole("button", { name: "Open …" }).click();
    await page.getByLabel("A file").setInputFiles({
      name: "large.yaml",
      mimeType: "text/yaml",
      buffer: Buffer.from(largeText()),
    });
    await page.locator('[data-id="s0"]').click();
    await page.evaluate(() => {
      const seen = globalThis as unknown as { longTasks: number[] }; // a place that the next call finds
      seen.longTasks = [];
      new PerformanceObserver((list) =>
        seen.longTasks.push(...list.getEntries().map(({ duration }) => Math.round(duration)))
      ).observe({ entryTypes: ["longtask"] });
    });

    for (let step = 0; step < 20; step++) await page.keyboard.press("ArrowDown");
    await page.mouse.move(700, 400);
    for (let step = 0; step < 20; step++) await page.mouse.wheel(0, 60);
    const drawn = await page.locator(".react-flow__node").count();
    const longTasks = await page.evaluate(() =>
      (globalThis as unknown as { longTasks: number[] }).longTasks
    );

    const focused = await page.locator(":focus").getAttribute("data-id");
    ok(focused !== null && focused !== "s0", `the focus is on ${focused}`);
    ok(drawn > 0 && drawn < 250, `${drawn} of 500 cards are drawn`);
    console.log(
      `500 steps: ${drawn} cards drawn; long tasks in 40 moves: ${longTasks.join(", ")} ms`,
    );
  },
);

Deno.test({
  name: "the builder",
  ignore: CHROMIUM === undefined,
  fn: (test) =>
    withWebApp(async (app) => {
      await using _workers = await startOrderWorkers(app.server);
      for (const { name, fn } of STORIES) await test.step(name, () => fn(app));
    }),
});
