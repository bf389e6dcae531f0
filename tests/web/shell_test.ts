import { deepEqual, match } from "node:assert/strict";
import { axe, CHROMIUM, withWebApp } from "../support/browser.ts";

Deno.test({
  name: "a person signs in with a key, sees the pages in both themes, and signs out",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open }) => {
      const page = await open("/");
      await page.getByRole("heading", { name: "Overview" }).waitFor();
      deepEqual(await axe(page), []);

      await page.getByLabel("Theme").selectOption("dark");
      deepEqual(await axe(page), []);
      await page.getByRole("button", { name: "Sign out" }).click();

      await page.getByLabel("API key").waitFor();
      deepEqual(await axe(page), []);
      match(await page.title(), /Tasker/);
    }),
});
