import { deepEqual, ok } from "node:assert/strict";
import { axe, CHROMIUM, withWebApp } from "../support/browser.ts";

Deno.test({
  name: "a page shows a task that starts elsewhere by itself, and says when it is cut off",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      const page = await open("/", { expects: ["ERR_"] });
      await page.getByText("No task has run yet").waitFor();
      await page.getByText("live", { exact: true }).waitFor();

      const response = await fetch(`${server.url}/v1/tasks`, {
        method: "POST",
        headers: { authorization: `Bearer ${server.key}`, "content-type": "application/json" },
        body: JSON.stringify({ workflow: "examples/hello", input: { name: "Ada" } }),
      });
      const { id } = await response.json();

      await page.getByText(id).waitFor();
      await page.getByText(/commits in .* \(half\) and .* of the last \d+/).waitFor();
      deepEqual(await axe(page), []);
      const folder = Deno.env.get("TEST_SCREENSHOTS");
      if (folder !== undefined) await page.screenshot({ path: `${folder}/overview.png` });
      const phone = await open("/", {
        size: { width: 360, height: 800 },
        theme: "dark",
        expects: ["ERR_"],
      });
      await phone.getByText(id).waitFor();
      deepEqual(await axe(phone), []);
      const width = await phone.evaluate("document.documentElement.scrollWidth");
      ok(Number(width) <= 360, `the page is ${width} px wide on a phone`);
      if (folder !== undefined) await phone.screenshot({ path: `${folder}/overview_phone.png` });

      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByText(/paused, shown as of/).waitFor();
      await page.getByRole("button", { name: "Resume" }).click();
      await page.getByText("live", { exact: true }).waitFor();
      server.kill("SIGKILL");
      await page.getByText(/reconnecting, shown as of/).waitFor();
      await page.getByText(id).waitFor();
    }),
});
