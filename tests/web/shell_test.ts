import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { openClient } from "../../src/client.ts";
import { axe, CHROMIUM, withWebApp } from "../support/browser.ts";

Deno.test({
  name: "a person signs in with a key, sees the pages in both themes, and signs out",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      const page = await open("/");
      await page.getByRole("heading", { name: "Overview" }).waitFor();
      deepEqual(await axe(page), []);

      await page.getByLabel("Theme").selectOption("dark");
      deepEqual(await axe(page), []);
      const stored = await page.evaluate(
        "JSON.stringify([{ ...localStorage, ...sessionStorage }, document.cookie, location.href])",
      );
      doesNotMatch(String(stored), /tasker_/, "scripts find no key, and no session");
      const lost = await open("/nowhere", { expects: ["status of 404"] });
      await lost.getByRole("heading", { name: "There is no such page" }).waitFor();
      deepEqual(await axe(lost), []);
      const answered = async (path: string) => {
        const response = await fetch(`${server.url}${path}`, { headers: { accept: "text/html" } });
        await response.body?.cancel();
        return `${response.status} ${response.headers.get("content-type")}`;
      };
      match(await answered("/nowhere"), /^404 text\/html/);
      match(await answered("/v1/nowhere"), /^40\d application\/problem\+json/);
      await page.reload();
      await page.getByRole("heading", { name: "Overview" }).waitFor();
      await page.getByRole("button", { name: "Sign out" }).click();

      await page.getByLabel("API key").waitFor();
      deepEqual(await axe(page), []);
      match(await page.title(), /Tasker/);
      doesNotMatch(server.said().replace(/first API key.*/, ""), new RegExp(server.key));
    }),
});

Deno.test({
  name:
    "a link signs one browser in, and no second one, also where the page to sign in is open already",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      const link = /sign in to the web app .*: http\S+?(\/#sign-in=\S+)/.exec(server.said())?.[1];
      const page = await open(link ?? "/none", { isSignedIn: false });
      await page.getByRole("heading", { name: "Overview" }).waitFor();
      equal(new URL(page.url()).hash, "", "the address does not keep it");

      const second = await open(link ?? "/none", { isSignedIn: false, expects: ["status of 401"] });

      match(await second.getByRole("alert").innerText(), /it has been used/);

      const client = openClient({ url: server.url, key: server.key });
      const { path } = await client.call("makeSignInLink", {});
      await second.goto(new URL(path, server.url).href); // the same page: nothing is loaded
      await second.getByRole("heading", { name: "Overview" }).waitFor();
    }),
});
