import { equal, notEqual, ok } from "node:assert/strict";
import type { Page } from "playwright-core";
import { openClient } from "../../src/client.ts";
import { CHROMIUM, type WebApp, withWebApp } from "../support/browser.ts";
import { serve, type Served } from "../support/serve.ts";

/** The laws below; all of them use one server and one browser. */
const LAWS: { readonly name: string; readonly fn: (app: WebApp) => Promise<void> }[] = [];

function law(name: string, fn: (app: WebApp) => Promise<void>): void {
  LAWS.push({ name, fn });
}

async function startOn(server: Pick<Served, "url" | "key">): Promise<string> {
  return (await openClient(server).start("examples/hello", { input: { name: "Ada" } })).id;
}

/** Opens the list of tasks, and waits until it is live. */
async function openList({ open }: WebApp): Promise<Page> {
  const page = await open("/tasks", { expects: ["ERR_", "status of 503"] });
  await page.getByText("live", { exact: true }).waitFor();
  return page;
}

/** As of when the page says that it is. */
async function shownAsOf(page: Page): Promise<string> {
  const text = await page.getByText(/shown as of/).innerText();
  return /shown as of (.*)/.exec(text)?.[1] ?? "";
}

law("a page of one node shows what another node runs", async (app) => {
  await using other = await serve({ dataDir: app.dataDir });
  const page = await openList(app);

  const id = await startOn(other);

  await page.getByText(id).waitFor();
  await page.getByText("live", { exact: true }).waitFor();
  await page.context().close();
});

law("a paused page shows nothing newer, says as of when, and reads all again", async (app) => {
  const page = await openList(app);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  const pausedAt = await shownAsOf(page);

  const id = await startOn(app.server);
  await page.waitForTimeout(2_500); // longer than a tick of the feed, which is not followed now
  equal(await page.getByText(id).count(), 0);
  equal(await shownAsOf(page), pausedAt);

  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await page.getByText(id).waitFor();
  await page.getByText("live", { exact: true }).waitFor();
  await page.context().close();
});

law("a page that wakes up without its connection says as of when it fell asleep", async (app) => {
  const page = await app.open("/tasks", { expects: ["ERR_"] });
  await page.clock.install();
  await page.reload();
  await page.getByText("live", { exact: true }).waitFor();
  const asleepAt = await page.evaluate("new Date().toLocaleTimeString()");
  await page.route("**/v1/changes", (route) => route.abort());

  await page.clock.fastForward(3_600_000);
  await page.getByText(/reconnecting, shown as of/).waitFor();
  const shown = await shownAsOf(page);
  notEqual(shown, await page.evaluate("new Date().toLocaleTimeString()"));
  const [, minute] = /^(.*:\d+):\d+/.exec(String(asleepAt)) ?? [];
  const [, next] = /^(.*:\d+):\d+/.exec(shown) ?? [];
  ok(minute !== undefined && next !== undefined && next >= minute, `${shown} is not ${asleepAt}`);

  const id = await startOn(app.server);
  await page.unroute("**/v1/changes");
  await page.clock.fastForward(10_000);
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByText(id).waitFor();
  await page.context().close();
});

law(
  "a page in the background holds no connection, and is live again when it is seen",
  async (app) => {
    const page = await openList(app);
    const show = (state: string) =>
      page.evaluate(`
      Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    `);

    await show("hidden");
    await page.getByText(/reconnecting, shown as of/).waitFor();
    const id = await startOn(app.server);
    await show("visible");

    await page.getByText("live", { exact: true }).waitFor();
    ok(await page.getByText(id).isVisible(), "what it missed is read before it says live");
    await page.context().close();
  },
);

/** Tasks that wait for a signal: more than two pages of the list. */
const WAITING = 230;

law(
  "rows far below the newest follow what happens, and one that matches no more says so",
  async (app) => {
    const client = openClient(app.server);
    const text =
      "name: ask\nnamespace: rows\nversion: 1.0.0\nworkflow_steps:\n  - { name: go, signal: {} }";
    await client.call("deployWorkflow", { text, reason: "the test needs it" });
    const starts = Array.from({ length: WAITING }, () => ({ workflow: "rows/ask" }));
    const { tasks } = await client.call("startTasks", { tasks: starts });
    // The two at the end of the list: ids made in one millisecond are in no order.
    const [first = "", second = ""] = tasks.map(({ id }) => id).sort();
    const page = await app.open("/tasks?workflow=rows/ask&state=waiting");
    const table = page.getByRole("table", { name: "Tasks" });
    const rowOf = (id: string) => table.getByRole("row").filter({ hasText: id });
    const toEnd = async () => {
      while (await rowOf(first).count() === 0) {
        await table.evaluate((area) => area.scrollTo(0, area.scrollHeight));
        await page.waitForTimeout(100);
      }
    };
    await toEnd();
    await rowOf(first).getByText("waiting", { exact: true }).waitFor();

    await client.call("sendSignal", { id: first, name: "go", payload: {} });
    await rowOf(first).getByText("matches no more").waitFor();
    await rowOf(second).getByText("waiting", { exact: true }).waitFor();

    await page.goto(`${app.server.url}/tasks?workflow=rows/ask`);
    await toEnd();
    await rowOf(first).getByText("completed").waitFor();
    await client.call("sendSignal", { id: second, name: "go", payload: {} });
    await rowOf(second).getByText("completed").waitFor();
    equal(await table.locator(".task-row.muted").count(), 0);
    await page.context().close();
  },
);

law("a page of an older build says so", async (app) => {
  const page = await openList(app);
  await page.route(`${app.server.url}/`, async (route) => {
    const answer = await route.fetch();
    const body = (await answer.text()).replaceAll(/\/assets\/[^/]+\//g, "/assets/another/");
    await route.fulfill({ response: answer, body });
  });
  await page.getByRole("button", { name: "Pause", exact: true }).click();

  await page.getByRole("button", { name: "Resume", exact: true }).click();

  await page.getByText("The server has a newer version of this page.").waitFor();
  await page.context().close();
});

law(
  "a page outlives its server: it says as of when, and is live when another one is back",
  async (app) => {
    const page = await openList(app);
    const { port } = new URL(app.server.url);
    app.server.kill("SIGKILL");
    await app.server.exited;
    await page.getByText(/reconnecting, shown as of/).waitFor();
    const asOf = await shownAsOf(page);

    await using back = await serve({
      dataDir: app.dataDir,
      env: { TASKER_PORT: port, TASKER_WEB: "on" },
    });
    const id = await startOn(back);
    await page.getByText("live", { exact: true }).waitFor();

    await page.getByText(id).waitFor();
    notEqual(asOf, "");
    await page.context().close();
  },
);

Deno.test({
  name: "stale data is never shown as fresh",
  ignore: CHROMIUM === undefined,
  fn: (test) =>
    withWebApp(async (app) => {
      for (const { name, fn } of LAWS) await test.step(name, () => fn(app));
    }),
});
