/** The verb `doctor`: checks everything between this command and a working server. */

import { type Client, ClientError, type Health } from "../client.ts";
import { messageOf } from "../core/errors.ts";
import { VERSION } from "../server/version.ts";
import { FIND_KEY, FIND_SERVER } from "./connection.ts";
import { describeFailure } from "./failure.ts";
import { durationText, namesText, type Paint } from "./format.ts";
import { isWithoutHealthy } from "../operations/system_state.ts";
import { EXIT_DONE, EXIT_FAILED, show, TASKER, type Verb, type VerbContext } from "./verb.ts";

/** The result of one check. "note": nothing is broken, but worth knowing. */
export interface Finding {
  readonly name: string;
  readonly is: "good" | "bad" | "note";
  readonly detail: string;
  /** What a person can do about it. */
  readonly action?: string | undefined;
}

/** A larger difference between the clocks makes the times in `watch` misleading. */
const CLOCK_OFF_MS_MAX = 2_000;
/** A check reports the present state: it does not retry. */
const RETRY_FOR_MS = 0;
/** More tasks or letters than this are not counted. */
const COUNT_MAX = 100;
/** Names in one finding. */
const NAMES_MAX = 8;

/** Checks address, key, versions and every part of the server. */
export const doctor: Verb = {
  name: "doctor",
  operands: [],
  options: {},
  summary: "Checks address, key, versions and every part of the server",
  isWrite: false,
  async run(context) {
    const findings = await examine(context);
    const isWell = findings.every(({ is }) => is !== "bad");
    show(context, { ok: isWell, findings }, () => findingLines(findings, context.paint));
    return isWell ? EXIT_DONE : EXIT_FAILED;
  },
};

/** Runs the checks in order; a check that depends on a failed one is left out. */
async function examine(context: VerbContext): Promise<Finding[]> {
  const { url, key } = context.connection;
  if ("missing" in url) {
    return [{ name: "address", is: "bad", detail: url.missing, action: FIND_SERVER }];
  }
  const address = await examineAddress(context, url);
  if (address.is === "bad") return [address];
  if ("missing" in key) {
    return [address, { name: "key", is: "bad", detail: key.missing, action: FIND_KEY }];
  }
  const client = context.openAt({ url: url.value, key: key.value, retryForMs: RETRY_FOR_MS });
  try {
    const health = await client.health({ signal: context.signal });
    return [
      address,
      { name: "key", is: "good", detail: `from ${key.from}, accepted` },
      ...healthFindings(health, context.runtime.now()),
      ...await workFindings(client, context.signal),
    ];
  } catch (error) {
    return [address, keyFinding(error, key.from)];
  }
}

async function examineAddress(
  context: VerbContext,
  { value, from }: { value: string; from: string },
): Promise<Finding> {
  const name = "address";
  try {
    await context.openAt({ url: value, retryForMs: RETRY_FOR_MS }).live({ signal: context.signal });
    return { name, is: "good", detail: `${value} (from ${from}) answers` };
  } catch (error) {
    const action = actionFor(error, from);
    return { name, is: "bad", detail: `${messageOf(error)} (from ${from})`, action };
  }
}

function actionFor(error: unknown, from: string): string {
  if (error instanceof ClientError && error.code === "client.late") {
    return "the server runs and does not answer: its event loop hangs, and its launcher ends it " +
      "after a minute; look in its log for the step, and start it again";
  }
  return from === "TASKER_URL"
    ? "check that the server runs, and that TASKER_URL is its address"
    : "the server that wrote this file has stopped: start one with `deno task serve`";
}

function keyFinding(error: unknown, from: string): Finding {
  const { what, action, code } = describeFailure(error, { isWrite: false, names: {} });
  const isKey = code === "api.unauthorized" || code === "api.forbidden";
  if (!isKey) return { name: "server", is: "bad", detail: what, action };
  return {
    name: "key",
    is: "bad",
    detail: `${what} (from ${from})`,
    action: from === "TASKER_KEY"
      ? "set TASKER_KEY to a key of this server with the scope read"
      : "the file holds the key of another database: set TASKER_KEY to a key of this server",
  };
}

/** Turns a node's health report into findings. */
function healthFindings(health: Health, nowMs: number): Finding[] {
  const offMs = Math.abs(Date.parse(health.now) - nowMs);
  const isSame = health.version === VERSION;
  const isClockRight = offMs <= CLOCK_OFF_MS_MAX;
  const isReady = health.notReady === undefined;
  return [
    {
      name: "version",
      is: isSame ? "good" : "note",
      detail: isSame ? VERSION : `the server is ${health.version}, this command ${VERSION}`,
      action: isSame
        ? undefined
        : "use the command line of the same version as the server if something looks wrong",
    },
    {
      name: "clock",
      is: isClockRight ? "good" : "note",
      detail: `differs by ${durationText(offMs)} from the server's`,
      action: isClockRight
        ? undefined
        : "set the clock of this machine; until then durations shown here are wrong by as much",
    },
    {
      name: "node",
      is: isReady ? "good" : "bad",
      detail: `${health.node} ${health.notReady ?? "accepts requests"}`,
      action: isReady ? undefined : "wait until it is ready, or use another node",
    },
    ...health.checks.map(({ name, ok, detail, action }): Finding => ({
      name,
      is: ok ? "good" : "bad",
      detail,
      action: ok ? undefined : action,
    })),
  ];
}

/** Finds what waits for a person. A key that may not see it is not an error. */
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
  const unhealthy = all.filter(isWithoutHealthy);
  const absent = all.filter(({ hasWorker }) => hasWorker === false);
  const findings: Finding[] = [];
  if (open.length > 0) {
    const detail = `their circuits are open, because they fail: ${namesOf(open)}`;
    const action = "repair them; the circuits then close by themselves";
    findings.push({ name: "systems", is: "note", detail, action });
  }
  if (unhealthy.length > 0) {
    const detail = `no instance is healthy: ${namesOf(unhealthy)}; their steps wait for one`;
    const action = `${TASKER} system NAME says why; start or repair an instance`;
    findings.push({ name: "systems", is: "note", detail, action });
  }
  if (absent.length > 0) {
    const detail = `no worker has ever connected: ${namesOf(absent)}; their steps wait for one`;
    findings.push({ name: "systems", is: "note", detail, action: "start their workers" });
  }
  if (findings.length > 0) return findings;
  return [{ name: "systems", is: "good", detail: "all circuits are closed" }];
}

function namesOf(systems: readonly { readonly name: string }[]): string {
  return namesText(systems.map(({ name }) => name), NAMES_MAX);
}

async function deadLetters(client: Client, signal: AbortSignal): Promise<Finding[]> {
  const count = await countOf(client.dead.list({ signal }));
  if (count === 0) return [{ name: "dead letters", is: "good", detail: "none" }];
  return [{ name: "dead letters", is: "note", detail: shown(count), action: `${TASKER} dead` }];
}

async function countOf(list: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of list) if (++count === COUNT_MAX) break;
  return count;
}

function shown(count: number): string {
  return count === COUNT_MAX ? `${count} or more` : String(count);
}

/** Draws findings, each problem with what to do about it. */
function findingLines(findings: readonly Finding[], paint: Paint): string[] {
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
    ? paint("warn", `nothing is broken; ${notes} worth a look`)
    : paint("good", "all is well");
}
