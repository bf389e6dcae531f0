import { deepEqual, doesNotMatch, match, ok } from "node:assert/strict";
import type { Page } from "playwright-core";
import { openClient } from "../../src/client.ts";
import { axe, CHROMIUM, withWebApp } from "../support/browser.ts";
import { CHARGES, Charges, registerCharges } from "../support/charges.ts";
import { until } from "../support/serve.ts";

/** How long all is well at first. */
const WELL_MS = 30_000;

/** How long an incident may take to be seen, and to end, with windows of ten seconds. */
const INCIDENT_MS_MAX = 300_000;

const PHONE = { width: 360, height: 800 };
const WIDE = { width: 1440, height: 900 };

/** The workflows of incidents, of which a person decides each change. */
async function askingWorkflows(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "asking" });
  for await (const { name } of Deno.readDir(CHARGES)) {
    const text = await Deno.readTextFile(`${CHARGES}/${name}`);
    await Deno.writeTextFile(`${folder}/${name}`, text.replace("tier: T1", "tier: none"));
  }
  return folder;
}

/** Looks at a page in both themes, wide and on a phone. */
async function look(page: Page, name: string): Promise<void> {
  const folder = Deno.env.get("TEST_SCREENSHOTS");
  for (const theme of ["dark", "light"] as const) {
    await page.getByLabel("Theme").selectOption(theme);
    for (const size of [PHONE, WIDE]) {
      await page.setViewportSize(size);
      const width = Number(await page.evaluate("document.documentElement.scrollWidth"));
      ok(width <= size.width, `${name} is ${width} px wide where there are ${size.width}`);
      if (folder !== undefined) {
        const path = `${folder}/${name}_${theme}_${size.width}.png`;
        await page.screenshot({ path, fullPage: true });
      }
    }
    deepEqual(await axe(page), [], `${name}, ${theme}`);
  }
}

Deno.test({
  name: "a person sees an incident, approves what it proposes, sees it heal, and reverts it",
  ignore: CHROMIUM === undefined,
  fn: async () => {
    const folder = await askingWorkflows();
    const env = { TASKER_WORKFLOWS: folder, TASKER_HEAL_WINDOW: "10s", TASKER_LOG: "warn" };
    try {
      await withWebApp(async ({ open, server }) => {
        const client = openClient(server);
        await registerCharges(client);
        await using charges = new Charges(() => [server], 1);
        const page = await open("/incidents", { size: WIDE });
        await page.getByText("No incident").waitFor();
        await new Promise((wake) => setTimeout(wake, WELL_MS));
        charges.refuse();
        const waiting = await until("a proposal that waits", INCIDENT_MS_MAX, async () => {
          const { incidents } = await client.call("listIncidents", {
            workflow: "charges/kept",
            phase: "waiting_for_approval",
          });
          return incidents[0];
        });

        await page.goto(`${server.url}/`);
        await page.getByRole("link", { name: /charge fails more often/ }).first().waitFor();
        await look(page, "overview");
        await page.goto(`${server.url}/parked`);
        await page.getByRole("link", { name: /charge fails more often/ }).first().waitFor();
        await look(page, "parked");
        await page.goto(`${server.url}/incidents?phase=waiting_for_approval`);
        await page.getByRole("cell", { name: "waiting for approval" }).first().waitFor();
        await look(page, "incidents");
        await page.goto(`${server.url}/incidents/${waiting.id}`);
        await page.getByRole("img", { name: /Failed attempts of charge/ }).waitFor();
        const legend = await page.locator(".u-legend").first().innerText();
        doesNotMatch(legend, /--/, "a legend that nobody points at shows the newest values");
        await look(page, "incident_waiting");
        await page.getByRole("button", { name: "Approve" }).click();
        const dialog = page.getByRole("dialog");
        match(await dialog.innerText(), /Send "charge" to system "spare_kept" instead/);
        await dialog.getByLabel(/^Why/).fill("the spare one answers");
        await dialog.getByRole("button", { name: "Approve" }).click();
        await page.getByText(/Approved by .*: the spare one answers/).waitFor();

        await page.getByText(/^kept$/).waitFor({ timeout: INCIDENT_MS_MAX });
        await look(page, "incident_kept");
        await page.getByRole("button", { name: "Revert" }).click();
        await dialog.getByRole("button", { name: "Revert" }).click();
        await page.getByText(/^reverted$/).waitFor();
        const policy = await client.call("getPolicy", { namespace: "charges", name: "kept" });
        deepEqual(policy.versions[0]?.steps, {});

        // The step of the other workflow does worse, too; there a person says no.
        const other = await until("another proposal", INCIDENT_MS_MAX, async () => {
          const { incidents } = await client.call("listIncidents", {
            workflow: "charges/reverted",
            phase: "waiting_for_approval",
          });
          return incidents[0];
        });
        await page.goto(`${server.url}/incidents/${other.id}`);
        await page.getByRole("button", { name: "Reject" }).click();
        await dialog.getByLabel(/^Why/).fill("the bank is called first");
        await dialog.getByRole("button", { name: "Reject" }).click();
        await page.getByText(/Rejected by .*: the bank is called first/).waitFor();
        const untouched = await client.call("getPolicy", {
          namespace: "charges",
          name: "reverted",
        });
        deepEqual(untouched.versions, []);
      }, env);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "the page of a system shows its circuit, its limits and its instances; settings are kept",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withWebApp(async ({ open, server }) => {
      const client = openClient(server);
      await registerCharges(client);
      const openUntilMs = Date.now() + 600_000;
      await client.call("putSystemLimits", {
        name: "charges_kept",
        by: "test",
        reason: "the bank is down",
        limits: { "*": { circuit: { openUntilMs }, concurrencyMax: 5 } },
      });
      // Until a first worker has asked for steps, that is what a system is shown by.
      await client.call("pollBus", { system: "charges_kept", max: 1, waitMs: 0, leaseMs: 1_000 });
      const page = await open("/systems", { size: WIDE });
      const row = page.getByRole("row", { name: /charges_kept/ });
      await row.getByText("circuit open").waitFor();
      await look(page, "systems");
      await row.getByRole("link").first().click();
      await page.getByText("the bank is down").waitFor();
      await page.getByRole("cell", { name: "payment.kept" }).first().waitFor();
      await look(page, "system");

      await page.getByRole("link", { name: "Settings" }).click();
      await page.getByRole("button", { name: "Set to observe" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel(/^Why/).fill("the bank moves");
      await dialog.getByRole("button", { name: "Set to observe" }).click();
      await page.getByText("Healing is observe").waitFor();
      await look(page, "settings_healing");
      await page.getByLabel("Silence of").selectOption("charges/kept");
      await page.getByRole("button", { name: "Silence for 4 h" }).click();
      await dialog.getByLabel(/^Why/).fill("it is rebuilt");
      await dialog.getByRole("button", { name: "Silence for 4 h" }).click();
      await page.getByText(/Nothing is changed in charges\/kept from/).waitFor();
      await page.getByRole("tab", { name: "Keys" }).click();
      await page.getByRole("button", { name: "Make a key" }).click();
      await dialog.getByLabel(/^Name:/).fill("dashboard");
      await dialog.getByRole("button", { name: "Make it" }).click();
      match(await dialog.getByRole("region", { name: "Key" }).innerText(), /^tasker_/);
      await dialog.getByRole("button", { name: "I have it" }).click();
      await page.getByRole("cell", { name: "dashboard", exact: true }).waitFor();
      await look(page, "settings_keys");
      await page.getByRole("button", { name: "Remove dashboard" }).click();
      await dialog.getByRole("button", { name: "Remove" }).click();
      await page.getByRole("cell", { name: "dashboard", exact: true })
        .waitFor({ state: "detached" });
      await page.getByRole("tab", { name: "Audit" }).click();
      await page.getByRole("cell", { name: "removeKey" }).waitFor();
      await look(page, "settings_audit");
      await page.getByRole("tab", { name: "Nodes" }).click();
      const nodes = page.getByRole("region", { name: "Nodes", exact: true });
      await nodes.getByText("this page comes from it").waitFor();
      await nodes.getByText("100 %").waitFor();
      await nodes.getByRole("table").first().waitFor();
      await look(page, "settings_node");
    }, { TASKER_WORKFLOWS: CHARGES, TASKER_LOG: "warn" }),
});
