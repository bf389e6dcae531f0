/** The verb `doctor`: looks at everything between this command and a working server. */

import { type Client, ClientError, type Health } from "../../client.ts";
import { messageOf } from "../../core/errors.ts";
import { VERSION } from "../../server/version.ts";
import { TASKER } from "../command_text.ts";
import { failureOf } from "../failure.ts";
import type { Paint } from "../paint.ts";
import { durationText } from "../reading.ts";
import { type Call, EXIT_DONE, EXIT_FAILED, show, type Verb } from "../verb.ts";

/** What was found about one thing. "note": no fault, but worth knowing. */
export interface Finding {
  readonly name: string;
  readonly is: "good" | "bad" | "note";
  readonly detail: string;
  /** What a person can do about it. */
  readonly action?: string;
}

/** A clock that is further off makes times in `watch` misleading. */
const CLOCK_OFF_MS_MAX = 2_000;
/** A doctor does not wait for what may come. */
const RETRY_FOR_MS = 0;
const TASKS_COUNTED_MAX = 100;

/** Checks address, key, versions and every part of the server. */
export const doctor: Verb = {
  name: "doctor",
  operands: [],
  options: {},
  summary: "Checks address, key, versions and every part of the server",
  writes: "never",
  async run(call) {
    const findings = await examine(call);
    const isWell = findings.every(({ is }) => is !== "bad");
    show(call, { ok: isWell, findings }, () => findingLines(findings, call.paint));
    return isWell ? EXIT_DONE : EXIT_FAILED;
  },
};

/** Looks at one thing after the other; what depends on a bad one is left out. */
async function examine(call: Call): Promise<Finding[]> {
  const { url, key } = call.connection;
  if ("missing" in url) {
    const action = "start a server here with `deno task serve`, or set TASKER_URL";
    return [{ name: "address", is: "bad", detail: url.missing, action }];
  }
  const address = await examineAddress(call, url);
  if (address.is === "bad") return [address];
  if ("missing" in key) {
    const action = "set TASKER_KEY to a key; `deno task serve` printed the first one";
    return [address, { name: "key", is: "bad", detail: key.missing, action }];
  }
  const client = call.reach({ url: url.value, key: key.value, retryForMs: RETRY_FOR_MS });
  try {
    const health = await client.health({ signal: call.signal });
    return [
      address,
      { name: "key", is: "good", detail: `taken from ${key.from}, accepted` },
      ...healthFindings(health, call.runtime.now()),
      ...await workFindings(client, call.signal),
    ];
  } catch (error) {
    return [address, keyFinding(error, key.from)];
  }
}

async function examineAddress(
  call: Call,
  { value, from }: { value: string; from: string },
): Promise<Finding> {
  const name = "address";
  try {
    await call.reach({ url: value, retryForMs: RETRY_FOR_MS }).live({ signal: call.signal });
    return { name, is: "good", detail: `${value} (from ${from}) answers` };
  } catch (error) {
    const action = from === "TASKER_URL"
      ? "see that the server runs, and that TASKER_URL names it"
      : "the server that wrote this file has stopped: start one with `deno task serve`";
    return { name, is: "bad", detail: `${messageOf(error)} (from ${from})`, action };
  }
}

function keyFinding(error: unknown, from: string): Finding {
  const { what, action, code } = failureOf(error, false);
  const isKey = code === "api.unauthorized" || code === "api.forbidden";
  if (!isKey) return { name: "server", is: "bad", detail: what, action };
  return {
    name: "key",
    is: "bad",
    detail: `${what} (from ${from})`,
    action: from === "TASKER_KEY"
      ? "set TASKER_KEY to a key of this server, with the scope read"
      : "the file holds the key of another database: set TASKER_KEY to one of this server",
  };
}

/** Reads a node's own account of itself. */
export function healthFindings(health: Health, nowMs: number): Finding[] {
  const offMs = Math.abs(Date.parse(health.now) - nowMs);
  const isSame = health.version === VERSION;
  return [
    {
      name: "version",
      is: isSame ? "good" : "note",
      detail: isSame ? VERSION : `the server is ${health.version}, this command ${VERSION}`,
      ...(isSame
        ? {}
        : { action: "use the command of the server's version when something is odd" }),
    },
    {
      name: "clock",
      is: offMs <= CLOCK_OFF_MS_MAX ? "good" : "note",
      detail: `${durationText(offMs)} apart from the server's`,
      ...(offMs <= CLOCK_OFF_MS_MAX
        ? {}
        : { action: "set this machine's clock; until then durations shown here are off by that" }),
    },
    {
      name: "node",
      is: health.notReady === undefined ? "good" : "bad",
      detail: `${health.node} ${health.notReady ?? "takes requests"}`,
      ...(health.notReady === undefined
        ? {}
        : { action: "wait until it is ready, or ask another" }),
    },
    ...health.checks.map(({ name, ok, detail, action }): Finding => ({
      name,
      is: ok ? "good" : "bad",
      detail,
      ...(ok || action === undefined ? {} : { action }),
    })),
  ];
}

/** What waits for a person. A key without the right to see it is no fault. */
async function workFindings(client: Client, signal: AbortSignal): Promise<Finding[]> {
  const looks = [
    blockedTasks(client, signal),
    circuits(client, signal),
    deadLetters(client, signal),
  ];
  const found = await Promise.all(looks.map((look) =>
    look.catch((error): Finding[] => {
      if (error instanceof ClientError && error.code === "api.forbidden") return [];
      throw error;
    })
  ));
  return found.flat();
}

async function blockedTasks(client: Client, signal: AbortSignal): Promise<Finding[]> {
  const count = await countOf(client.list({ state: "blocked", signal }));
  if (count === 0) return [{ name: "tasks", is: "good", detail: "none is blocked" }];
  const detail = `${shown(count)} blocked: they wait for a person`;
  return [{ name: "tasks", is: "note", detail, action: `${TASKER} list --state blocked` }];
}

async function circuits(client: Client, signal: AbortSignal): Promise<Finding[]> {
  const all = await client.systems({ signal });
  const open = all.filter(({ circuit }) => circuit !== "closed");
  const absent = all.filter(({ hasWorker }) => hasWorker === false);
  const findings: Finding[] = [];
  if (open.length > 0) {
    const detail = `held back because they fail: ${open.map(({ name }) => name).join(", ")}`;
    const action = "fix them; the circuits close again by themselves";
    findings.push({ name: "systems", is: "note", detail, action });
  }
  if (absent.length > 0) {
    const names = absent.map(({ name }) => name).join(", ");
    const detail = `no worker has ever come: ${names}; their steps wait for the first`;
    findings.push({ name: "systems", is: "note", detail, action: "start their workers" });
  }
  if (findings.length > 0) return findings;
  return [{ name: "systems", is: "good", detail: "all circuits are closed" }];
}

async function deadLetters(client: Client, signal: AbortSignal): Promise<Finding[]> {
  const count = await countOf(client.dead.list({ signal }));
  if (count === 0) return [{ name: "dead letters", is: "good", detail: "none" }];
  return [{ name: "dead letters", is: "note", detail: shown(count), action: `${TASKER} dead` }];
}

async function countOf(list: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of list) if (++count === TASKS_COUNTED_MAX) break;
  return count;
}

function shown(count: number): string {
  return count === TASKS_COUNTED_MAX ? `${count} or more` : String(count);
}

/** Draws findings, each fault with what to do about it. */
export function findingLines(findings: readonly Finding[], paint: Paint): string[] {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const looks = { good: ["✓", "good"], bad: ["✗", "bad"], note: ["!", "warn"] } as const;
  return [
    ...findings.flatMap(({ name, is, detail, action }) => {
      const [symbol, tone] = looks[is];
      return [
        `${paint(tone, `${symbol} ${name.padEnd(width)}`)}  ${paint("plain", detail)}`,
        ...(action === undefined ? [] : [`${" ".repeat(width + 4)}→ ${paint("plain", action)}`]),
      ];
    }),
    "",
    verdict(findings, paint),
  ];
}

function verdict(findings: readonly Finding[], paint: Paint): string {
  const [bad, notes] = (["bad", "note"] as const).map((one) =>
    findings.filter(({ is }) => is === one).length
  );
  if (bad) return paint("bad", `${bad} to fix`);
  return notes
    ? paint("warn", `nothing is broken; ${notes} to look at`)
    : paint("good", "all is well");
}
