import { deepEqual } from "node:assert/strict";
import type { Page } from "playwright-core";
import { axe, CHROMIUM, withWebApp } from "../support/browser.ts";
import { startOrderWorkers } from "../support/order_workers.ts";

const ORDER = ["order.validate", "inventory.check", "payment.process", "order.finalize"];

/** What is done to build, deploy and run a workflow. */
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

Deno.test({
  name: "a person builds the order workflow by mouse, deploys it, and runs it for real",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      await using _workers = await startOrderWorkers(server);
      const page = await open("/builder", { size: { width: 1440, height: 900 } });
      await page.getByLabel("Name", { exact: true }).fill("paid_order");
      for (const capability of ORDER) await addCapability(page, capability);
      const steps = ["validate_order", "check_inventory", "process_payment", "finalize_order"];

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
    }),
});
