/**
 * The web app in a real browser: a real server, pages that are signed in, and no error overlooked.
 *
 * The browser is `TEST_CHROMIUM`, or Debian's chromium where it is installed.
 */

import AXE from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { isThere } from "./programs.ts";
import { makeDataDir } from "./data_dir.ts";
import { serve, type Served } from "./serve.ts";

/** How long a page may take to show what a test waits for; a loaded machine needs some. */
const SHOW_MS_MAX = 30_000;

const PATHS = [Deno.env.get("TEST_CHROMIUM"), "/usr/bin/chromium", "chromium"];

/** What axe calls findings that keep somebody out. */
const SERIOUS: readonly (string | null | undefined)[] = ["serious", "critical"];

async function findChromium(): Promise<string | undefined> {
  for (const path of PATHS) {
    if (path !== undefined && await isThere(path, ["--version"])) return path;
  }
  return undefined;
}

/** The path of the browser; undefined: the tests that need one are skipped, and this says why. */
export const CHROMIUM = await findChromium();
if (CHROMIUM === undefined) {
  console.log("skipped: tests in a browser, because there is no chromium; set TEST_CHROMIUM");
}

/** The app of one server in one browser. */
export interface WebApp {
  readonly server: Served;
  /** The folder of its data: another server over it is another node. */
  readonly dataDir: string;
  /** Opens a page at a path, signed in with the first key unless said; width and height in pixels. */
  open(path: string, options?: OpenOptions): Promise<Page>;
}

/** How a page is opened. */
export interface OpenOptions {
  readonly isSignedIn?: boolean;
  /** Whose page it is; the first key unless said. */
  readonly key?: string;
  readonly size?: { readonly width: number; readonly height: number };
  readonly theme?: "light" | "dark";
  /** Parts of lines of the console that are no errors here: browsers write each refused request. */
  readonly expects?: readonly string[];
}

/**
 * Starts a server and a browser, and ends both. Fails if a page threw, wrote an error to its console,
 * or was refused something by its policy, whatever `use` found.
 */
export async function withWebApp(
  use: (app: WebApp) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const dataDir = makeDataDir("web");
  const errors: string[] = [];
  try {
    await using server = await serve({ dataDir, env: { TASKER_WEB: "on", ...env } });
    const browser = await launch();
    try {
      await waitForApp(server.url);
      await use({
        server,
        dataDir,
        open: (path, options) => open(browser, server, { ...options, path, errors }),
      });
    } finally {
      await browser.close();
    }
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
  if (errors.length > 0) throw new Error(`pages had errors:\n${errors.join("\n")}`);
}

async function launch(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error("there is no chromium");
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
}

/** The server answers before the app is built; a page then asks again by itself. */
async function waitForApp(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(url);
    const text = await answer.text();
    if (answer.ok) return;
    if (!text.includes("is being built")) throw new Error(`the app is not served: ${text}`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

async function open(
  browser: Browser,
  { url, key: firstKey }: Served,
  {
    path,
    errors,
    isSignedIn = true,
    key = firstKey,
    size = { width: 1280, height: 800 },
    theme = "light",
    expects = [],
  }:
    & OpenOptions
    & { readonly path: string; readonly errors: string[] },
): Promise<Page> {
  const context = await browser.newContext({ viewport: size, colorScheme: theme });
  const page = await context.newPage();
  page.setDefaultTimeout(SHOW_MS_MAX);
  page.on("pageerror", (error) => errors.push(`${page.url()}: ${error.message}`));
  page.on("console", (line) => {
    // Whoever is not signed in is refused once.
    const isFirst = line.location().url.endsWith("/v1/key") && line.text().includes("401");
    const isExpected = isFirst || expects.some((part) => line.text().includes(part));
    // The pages of an identity provider are not ours.
    const isOurs = page.url().startsWith(url);
    if (line.type() === "error" && isOurs && !isExpected) {
      errors.push(`${page.url()}: ${line.text()}`);
    }
  });
  await page.goto(`${url}${path}`);
  if (isSignedIn) {
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("navigation").waitFor();
  }
  return page;
}

/** The serious findings of axe on a page, each with the first element concerned. */
export async function axe(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE.source);
  const violations = await page.evaluate(async () => {
    // deno-lint-ignore no-explicit-any -- axe was just added to the page
    const { violations } = await (globalThis as any).axe.run();
    return violations as { id: string; impact?: string; nodes: { html: string }[] }[];
  });
  return violations.filter(({ impact }) => SERIOUS.includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}
