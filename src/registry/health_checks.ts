/** Health checks: asks instances whether they can work, and says so once it is certain. */

import { type ErrorCode, messageOf, TaskerError } from "../core/errors.ts";
import type { Egress, HealthChange, Runtime } from "../core/ports.ts";
import type { Instance } from "../core/system.ts";
import type { SystemDirectory } from "../core/system_directory.ts";

/** How often a healthy instance is asked. */
const INTERVAL_MS = 10_000;

/** One that failed is asked again after these, growing; one that is not allowed, seldom. */
const AGAIN_MS = 2_000;
const AGAIN_MS_MAX = 60_000;

const TIMEOUT_MS = 3_000;
const BYTES_MAX = 64 * 1024;

/** Checks of one node at once; the others wait, the longest due first. */
const IN_FLIGHT_MAX = 64;

/** Failures in a row that make an instance unhealthy, and answers in a row that make it healthy. */
const FAILURES_MIN = 3;
const ANSWERS_MIN = 2;

/** If nothing at so many hosts answers, this node's own network is suspected first, for so long. */
const HOSTS_MIN = 3;
const SUSPECT_MS = 60_000;

/** What is known of one instance. */
interface Look {
  readonly url: string;
  failures: number;
  answers: number;
  detail: string;
  dueAtMs: number;
  isAsking: boolean;
}

/** What checks work with. */
export interface HealthChecksDeps {
  readonly runtime: Pick<Runtime, "monotonic">;
  readonly egress: Egress;
  readonly directory: Pick<SystemDirectory, "systems">;
  report(changes: readonly HealthChange[]): Promise<void>;
  /** Whether this node checks an instance: of all nodes, one does. */
  isMine(key: string): boolean;
  warn(text: string, fields: Readonly<Record<string, unknown>>): void;
}

/** The checks of one node. */
export class HealthChecks {
  readonly #looks = new Map<string, Look>();
  #due: Look[] = [];
  #inFlight = 0;
  #allFailSinceMs: number | undefined;
  #hasWarned = false;

  constructor(readonly deps: HealthChecksDeps) {}

  /**
   * Asks those that are due, and stores what has become certain in one statement; call it each second.
   *
   * @returns whether anything was stored
   * @throws {TaskerError} journal.unavailable; what was found is stored at the next call
   */
  async look(): Promise<boolean> {
    const nowMs = this.deps.runtime.monotonic();
    const mine = this.#mine();
    for (const key of [...this.#looks.keys()]) if (!mine.has(key)) this.#looks.delete(key);
    const changes: HealthChange[] = [];
    const isSuspect = this.#isSuspect(nowMs);
    for (const [key, instance] of mine) {
      const look = this.#lookOf(key, instance, nowMs);
      const change = changeOf(instance, look);
      if (change !== undefined && (change.state === "healthy" || !isSuspect)) changes.push(change);
    }
    this.#due = [...this.#looks.values()].filter((one) => one.dueAtMs <= nowMs && !one.isAsking)
      .sort((one, other) => other.dueAtMs - one.dueAtMs);
    this.#askDue();
    if (changes.length > 0) await this.deps.report(changes);
    return changes.length > 0;
  }

  #mine(): ReadonlyMap<string, Instance> {
    const mine = new Map<string, Instance>();
    for (const { instances } of this.deps.directory.systems) {
      for (const instance of instances) {
        if (instance.healthUrl === undefined || instance.state === "gone") continue;
        const key = `${instance.system}/${instance.instance}`;
        if (this.deps.isMine(key)) mine.set(key, instance);
      }
    }
    return mine;
  }

  #lookOf(key: string, { healthUrl = "" }: Instance, nowMs: number): Look {
    const known = this.#looks.get(key);
    if (known?.url === healthUrl) return known;
    const counts = { failures: 0, answers: 0, detail: "", isAsking: false };
    const look = { url: healthUrl, ...counts, dueAtMs: nowMs };
    this.#looks.set(key, look);
    return look;
  }

  #askDue(): void {
    while (this.#inFlight < IN_FLIGHT_MAX) {
      const look = this.#due.pop();
      if (look === undefined) return;
      void this.#ask(look).then(() => this.#askDue());
    }
  }

  async #ask(look: Look): Promise<void> {
    look.isAsking = true;
    this.#inFlight++;
    const failure = await this.#failureOf(look.url);
    this.#inFlight--;
    look.isAsking = false;
    const nowMs = this.deps.runtime.monotonic();
    if (failure === "unknown") {
      look.dueAtMs = nowMs + AGAIN_MS_MAX;
      return;
    }
    look.failures = failure === undefined ? 0 : look.failures + 1;
    look.answers = failure === undefined ? look.answers + 1 : 0;
    look.detail = failure ?? "";
    look.dueAtMs = nowMs + restMs(look);
  }

  /** Why a check failed; "unknown": the guard does not allow it, so the lease alone counts. */
  async #failureOf(url: string): Promise<string | undefined> {
    const limits = { timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX };
    try {
      const { status } = await this.deps.egress.request({
        method: "GET",
        url,
        headers: {},
        ...limits,
      });
      return status >= 200 && status < 300 ? undefined : `its health check answered ${status}`;
    } catch (error) {
      if (codeOf(error) === "payload.too_large") return undefined;
      if (codeOf(error) !== "egress.refused") return `its health check: ${messageOf(error)}`;
      if (!this.#hasWarned) {
        const fields = { url, error: messageOf(error) };
        this.deps.warn("Health is not checked where the guard refuses: leases alone count", fields);
      }
      this.#hasWarned = true;
      return "unknown";
    }
  }

  /**
   * Whether all that was asked fails, at several hosts: then rather this node is cut off. It is
   * believed after SUSPECT_MS, and each instance comes back by its own answers.
   */
  #isSuspect(nowMs: number): boolean {
    const looks = [...this.#looks.values()];
    const hosts = new Set(looks.map(({ url }) => new URL(url).host));
    if (hosts.size < HOSTS_MIN || looks.some(({ failures }) => failures === 0)) {
      this.#allFailSinceMs = undefined;
      return false;
    }
    this.#allFailSinceMs ??= nowMs;
    return nowMs - this.#allFailSinceMs < SUSPECT_MS;
  }
}

function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof TaskerError ? error.code : undefined;
}

function restMs({ failures, answers }: Look): number {
  if (failures === 0) return answers < ANSWERS_MIN ? AGAIN_MS : INTERVAL_MS;
  return Math.min(AGAIN_MS_MAX, AGAIN_MS * 2 ** Math.max(0, failures - FAILURES_MIN));
}

function changeOf(
  { system, instance, state }: Instance,
  { url, failures, answers, detail }: Look,
): HealthChange | undefined {
  const of = { system, instance, healthUrl: url };
  if (state === "healthy" && failures >= FAILURES_MIN) return { ...of, state: "unhealthy", detail };
  if (state === "unhealthy" && answers >= ANSWERS_MIN) {
    return { ...of, state: "healthy", detail: "" };
  }
  return undefined;
}
