/**
 * A random walk over the pages of the web app: whatever is shown may be followed, pressed, chosen and
 * filled in, and after each act the page has to keep what is promised of every page.
 */

import type { ConsoleMessage, Locator, Page } from "playwright-core";
import { axe } from "./browser.ts";
import { randomOf } from "./chaos.ts";

/** What may be acted on. Signing out ends a walk; files and other hosts are not part of the app. */
const TARGETS = [
  'a[href]:not([target]):not([download]):not([href*="://"]):visible',
  'button:enabled:not(:text("Sign out")):visible',
  "summary:visible",
  "select:enabled:visible",
  'input:enabled:not([type="file"]):visible',
  "textarea:enabled:visible",
  '[tabindex="0"]:visible',
].join(", ");

/** What people type, and what nobody expects. */
const TEXTS = ["", "1", "order", "-1", "2026-01-01", '{"a": [1]}', "名前 é", "<b>x</b>", "$.input"];

const KEYS = ["Escape", "Tab", "Enter", "ArrowDown", "ArrowUp", "Home", "Delete", "Control+z"];

/** Texts that only a mistake shows. */
const MISTAKES = /\bundefined\b|\bNaN\b|\[object Object\]|Invalid Date|The page failed/;

/** How long a page may take until it is as promised, on a loaded machine. */
const SETTLE_MS_MAX = 15_000;

/** Refusals that are answers to what was typed or has changed meanwhile: browsers call them errors. */
const ANSWERED = /status of (400|404|409|412|413|422|429)/;

/** What a check reads of a page. */
interface Seen {
  readonly text: string;
  readonly head: string;
  readonly freshness: string;
  readonly overflow: number;
}

/** Run in the page. */
const SEEN = `({
  text: document.querySelector("main")?.innerText ?? "",
  head: document.querySelector("main h1")?.textContent ?? "",
  freshness: document.querySelector(".freshness")?.innerText ?? "",
  overflow: document.documentElement.scrollWidth - innerWidth,
})`;

/** A walk. */
export interface Walk {
  readonly seed: number;
  readonly steps: number;
}

/** Walks, and fails with the seed and the last acts when a page breaks a promise. */
export async function explore(page: Page, { seed, steps }: Walk): Promise<void> {
  const walker = new Walker(page, randomOf(seed));
  try {
    await walker.everyPage();
    for (let step = 0; step < steps; step++) await walker.step(step);
  } catch (error) {
    const acts = walker.acts.slice(-12).join("\n  ");
    throw new Error(`seed ${seed}, at ${page.url()}, after\n  ${acts}\n${error}`);
  }
}

/** Removes the key that is signed in: every later request is refused. */
const OWN_KEY = /^Remove (viewer|operator|admin) (light|dark)$/;

/** How long a thing may take until it can be used. */
const USABLE_IN = { timeout: 2_000 };

/** Ignores that an element moved, is covered, takes no such text, or was removed. */
async function orElse(use: Promise<unknown>): Promise<void> {
  try {
    await use;
  } catch (error) {
    const isGone = /Timeout|detached|Malformed value|not visible/.test(String(error));
    if (!isGone) throw error;
  }
}

class Walker {
  readonly acts: string[] = [];
  readonly #page: Page;
  readonly #random: () => number;
  readonly #errors: string[] = [];

  constructor(page: Page, random: () => number) {
    this.#page = page;
    this.#random = random;
    page.on("pageerror", (error) => this.#errors.push(error.message));
    page.on("console", (line: ConsoleMessage) => {
      if (line.type() === "error" && !ANSWERED.test(line.text())) this.#errors.push(line.text());
    });
    page.on("dialog", (dialog) => void dialog.accept());
  }

  /** Opens each page of the navigation once. */
  async everyPage(): Promise<void> {
    const links = this.#page.getByRole("navigation", { name: "Pages" }).getByRole("link");
    for (let at = 0; at < await links.count(); at++) {
      this.acts.push(`open ${await links.nth(at).innerText()}`);
      await links.nth(at).click();
      await this.#check({ isDeep: true });
    }
  }

  /** Does one thing, and looks at the page. */
  async step(step: number): Promise<void> {
    const before = await this.#place();
    const chance = this.#random();
    if (chance < 0.04) await this.#act("reload", () => this.#page.reload());
    else if (chance < 0.12) await this.#press();
    else if (chance < 0.18) await this.#home();
    else await this.#use();
    await this.#check({ isDeep: step % 10 === 9 });
    const after = await this.#place();
    // What only changes the address of the place where one is, such as a slider, is no step back.
    const isFurther = after.depth > before.depth && after.url !== before.url;
    if (isFurther && this.#random() < 0.25) await this.#back(before.url);
  }

  /** The address, and how many lie behind it. */
  async #place(): Promise<{ readonly url: string; readonly depth: number }> {
    return { url: this.#page.url(), depth: await this.#page.evaluate("history.length") };
  }

  async #act(name: string, run: () => Promise<unknown>): Promise<void> {
    this.acts.push(name);
    await run();
  }

  async #press(): Promise<void> {
    const key = this.#one(KEYS);
    await this.#act(`press ${key}`, () => this.#page.keyboard.press(key));
  }

  /** Walks that get lost in a form begin again somewhere else. */
  async #home(): Promise<void> {
    await this.#page.keyboard.press("Escape");
    const links = this.#page.getByRole("navigation", { name: "Pages" }).getByRole("link");
    const count = await links.count();
    if (count === 0 || await this.#page.getByRole("dialog").count() > 0) return;
    const link = links.nth(Math.floor(this.#random() * count));
    await this.#act(`open ${await link.innerText()}`, () => orElse(link.click(USABLE_IN)));
  }

  /** Uses one of the things that are there; it may be gone a moment later, as for a person. */
  async #use(): Promise<void> {
    const dialog = this.#page.getByRole("dialog");
    const scope: Locator | Page = await dialog.count() > 0 ? dialog.last() : this.#page;
    const targets = scope.locator(TARGETS);
    const count = await targets.count();
    if (count === 0) return;
    const target = targets.nth(Math.floor(this.#random() * count));
    const { tag, type, name } = await target.evaluate(
      (element) => ({
        tag: element.tagName.toLowerCase(),
        type: element.getAttribute("type") ?? "",
        name: (element.getAttribute("aria-label") ?? element.textContent ?? "").trim().slice(0, 40),
      }),
      undefined,
      { timeout: 1_000 },
    ).catch(() => ({ tag: "", type: "", name: "" }));
    if (tag === "" || OWN_KEY.test(name)) return;
    const isText = tag === "textarea" ||
      (tag === "input" && !["checkbox", "radio", "range", "submit"].includes(type));
    const text = this.#one(TEXTS);
    const run = isText
      ? () => target.fill(text, USABLE_IN)
      : tag === "select"
      ? () => this.#choose(target)
      : () => target.click(USABLE_IN);
    await this.#act(
      `${isText ? `type "${text}" into` : "use"} ${tag} "${name}"`,
      () => orElse(run()),
    );
  }

  async #choose(target: Locator): Promise<void> {
    const count = await target.locator("option").count();
    if (count === 0) return;
    const index = Math.floor(this.#random() * count);
    await target.selectOption({ index }, { timeout: 2_000 });
  }

  async #back(to: string): Promise<void> {
    await this.#act("go back", () => this.#page.goBack());
    if (this.#page.url() !== to) throw new Error(`the back button does not lead to ${to}`);
    await this.#check({ isDeep: false });
  }

  /** What holds of every page at every time. */
  async #check({ isDeep }: { readonly isDeep: boolean }): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(() => resolve("late"), SETTLE_MS_MAX);
    try {
      for (;;) {
        const fault = await this.#fault();
        if (this.#errors.length > 0) throw new Error(this.#errors.join("\n"));
        if (fault === undefined) break;
        const wait = new Promise<string>((wake) => setTimeout(() => wake(""), 100));
        if (await Promise.race([late, wait]) === "late") throw new Error(fault);
      }
    } finally {
      clearTimeout(timer);
    }
    if (!isDeep) return;
    const found = await axe(this.#page);
    if (found.length > 0) throw new Error(found.join("\n"));
  }

  /** What is not as promised now; it may still be on its way. */
  async #fault(): Promise<string | undefined> {
    const seen = await this.#page.evaluate<Seen>(SEEN).catch(() => undefined);
    if (seen === undefined) return "the page is being left";
    const mistake = MISTAKES.exec(seen.text)?.[0];
    if (mistake !== undefined) return `the page shows "${mistake}"`;
    if (seen.head === "") return "the page has no title";
    if (!/\blive\b|paused, shown as of/.test(seen.freshness)) {
      return `the server runs, and the page says "${seen.freshness}"`;
    }
    if (seen.overflow > 0) return `the page is ${seen.overflow} px wider than the screen`;
    return undefined;
  }

  #one<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    const one = list[Math.floor(this.#random() * list.length)];
    if (one === undefined) throw new Error("Cannot choose from nothing");
    return one;
  }
}
