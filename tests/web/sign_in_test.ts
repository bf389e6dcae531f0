import { deepEqual, equal } from "node:assert/strict";
import type { Page } from "playwright-core";
import { openClient } from "../../src/client.ts";
import { axe, CHROMIUM, withWebApp } from "../support/browser.ts";
import { until } from "../support/serve.ts";
import { CLIENT, startProvider } from "../support/identity_provider.ts";

/** Signs in at the provider, from its first page to the app's. */
async function signInAs(page: Page, login: string): Promise<void> {
  await page.getByRole("link", { name: /Sign in with/ }).click();
  await page.getByPlaceholder("Enter any login").fill(login);
  await page.getByPlaceholder("and password").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

Deno.test({
  name:
    "people sign in at the identity provider: each by the role of their groups, and some not at all",
  ignore: CHROMIUM === undefined,
  fn: async () => {
    await using provider = await startProvider();
    const env = {
      TASKER_EGRESS: "127.0.0.1",
      TASKER_OIDC_ISSUER: provider.issuer,
      TASKER_OIDC_CLIENT_ID: CLIENT.id,
      TASKER_OIDC_CLIENT_SECRET: CLIENT.secret,
      TASKER_OIDC_ROLES: "admins=admin, ops=operator, readers=viewer",
    };
    await withWebApp(async ({ open, server }) => {
      provider.allow(`${server.url}/v1/session/provider/return`);
      const client = openClient({ url: server.url, key: server.key });
      // Reads that are under way when somebody signs out are refused.
      const options = { isSignedIn: false, expects: ["401"] };

      const page = await open("/tasks?state=failed", options);
      await page.getByRole("link", { name: /Sign in with 127.0.0.1/ }).waitFor();
      deepEqual(await axe(page), []);
      await signInAs(page, "ops");
      await page.getByText("operator", { exact: true }).waitFor();
      equal(new URL(page.url()).pathname + new URL(page.url()).search, "/tasks?state=failed");
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("API key").waitFor();

      const stranger = await open("/", options);
      await signInAs(stranger, "nobody");
      await stranger.getByRole("alert").getByText("no access to Tasker").waitFor();
      deepEqual(await axe(stranger), []);
      await stranger.getByLabel("API key").fill(server.key);
      await stranger.getByRole("button", { name: "Sign in", exact: true }).click();
      await stranger.getByRole("navigation").waitFor();

      await provider[Symbol.asyncDispose]();
      // What the provider said of itself holds for a second.
      await until("the server to notice that the provider is away", 30_000, async () => {
        const begun = await fetch(`${server.url}/v1/session/provider`, { redirect: "manual" });
        await begun.body?.cancel();
        return begun.headers.get("location")?.endsWith("=away") || undefined;
      });
      const late = await open("/", { ...options, theme: "dark" });
      await late.getByRole("link", { name: /Sign in with/ }).click();
      await late.getByRole("alert").getByText("does not answer").waitFor();
      deepEqual(await axe(late), []);
      await client.call("getOwnKey", {});
    }, env);
  },
});
