/**
 * Trouble for real servers: tasks of the workflows in fixtures/incidents at a fixed rate, and workers that
 * charge for them. When the test says so, the systems that own the steps refuse most charges; others offer
 * the same.
 */

import { type Client, openClient } from "../../src/client.ts";
import { Draw } from "../../src/simulation/draw.ts";
import { type Served, until } from "./serve.ts";

/** Where the workflows are. */
export const CHARGES = new URL("../fixtures/incidents", import.meta.url).pathname;

/** The workflows: another system does the work of the first, and none of the second. */
export const CHARGED = ["kept", "reverted"] as const;

/** Tasks a second of each. */
const RATE = 6;

/** How long a charge takes. */
const CHARGE_MS = 150;

/** The share of charges that their own system refuses once there is trouble. */
const REFUSED_SHARE = 0.75;

/** How long an answer is sent again while no server takes it. */
const ANSWER_MS_MAX = 10_000;

/** How long a server may take to know a system that has registered. */
const KNOWN_MS_MAX = 30_000;

/** What a server had handed out when it died is handed out again soon. */
const LEASE_MS = 2_000;

const pause = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));

/** Registers the systems, whose circuits stay closed: nothing but an incident is to help. */
export async function registerCharges(client: Client): Promise<void> {
  for (const name of CHARGED) {
    const effect = "idempotent" as const;
    const capabilities = [{ name: `payment.${name}`, version: "1.0.0", effect }];
    for (const system of [`charges_${name}`, `spare_${name}`]) {
      const of = { namespaces: ["charges"], leaseMs: 3_600_000 };
      const registration = { version: "1.0.0", capabilities, ...of };
      await client.call("registerInstance", { system, instance: "one", ...registration });
      const limits = { "*": { circuit: { failureShare: 1 } } };
      const put = { name: system, by: "test", reason: "its circuit stays closed", limits };
      // Servers hear of a registration a moment later.
      await until(
        `system "${system}"`,
        KNOWN_MS_MAX,
        () => client.call("putSystemLimits", put).catch(() => undefined),
      );
    }
  }
}

/** A command, as far as a worker reads it. */
interface Command {
  readonly id: string;
  readonly taskerreplytoken?: string;
  readonly [field: string]: unknown;
}

/** Tasks that start, and the workers that work for them, until they are disposed of. */
export class Charges implements AsyncDisposable {
  readonly #servers: () => readonly Served[];
  readonly #draw: Draw;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #workers: readonly Promise<void>[];
  #refusedShare = 0;
  #count = 0;
  #isOver = false;

  /** `servers` are those that run now; any of them is asked. */
  constructor(servers: () => readonly Served[], seed: number) {
    this.#servers = servers;
    this.#draw = new Draw(`charges ${seed}`);
    this.#timer = setInterval(() => this.#start(), 1_000 / RATE);
    this.#workers = CHARGED.flatMap((name) => [
      this.#work(`charges_${name}`, () => this.#refusedShare),
      this.#work(`spare_${name}`, () => name === "kept" ? 0 : 1),
    ]);
  }

  /** From now on the systems refuse most charges. */
  refuse(): void {
    this.#refusedShare = REFUSED_SHARE;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#timer);
    await Promise.all(this.#workers);
  }

  #some(): Served | undefined {
    const servers = this.#servers();
    return servers[this.#draw.whole(0, Math.max(0, servers.length - 1))];
  }

  #start(): void {
    const server = this.#some();
    if (server === undefined) return;
    for (const name of CHARGED) {
      // What a server did not take, because it was killed, is no part of the test.
      openClient(server).start(`charges/${name}`, { input: { order: ++this.#count } })
        .catch(() => {});
    }
  }

  async #work(system: string, refusedShare: () => number): Promise<void> {
    while (!this.#isOver) {
      const polled = await this.#post(system, "poll", {
        max: 50,
        waitMs: 500,
        leaseMs: LEASE_MS,
      });
      for (const command of polled?.envelopes ?? []) {
        if (command.taskerreplytoken === undefined) continue;
        void this.#answer(system, command, this.#draw.chance(refusedShare()));
      }
      if (polled === undefined) await pause(100);
    }
  }

  async #answer(system: string, command: Command, isRefused: boolean): Promise<void> {
    await pause(CHARGE_MS);
    const { subject, correlationid, traceparent, taskerattempt, taskerreplytoken } = command;
    const data = isRefused
      ? { error_code: "refused", error_message: "Not now", retryable: true }
      : {};
    const kind = isRefused ? "failed" : "completed";
    const reply = {
      specversion: "1.0",
      id: `${command.id}:${kind}`,
      source: `/${system}`,
      type: `tasker.step.${kind}`,
      time: new Date().toISOString(),
      causationid: command.id,
      datacontenttype: "application/json",
      ...{ subject, correlationid, traceparent, taskerattempt, taskerreplytoken, data },
    };
    const untilMs = Date.now() + ANSWER_MS_MAX;
    while (!this.#isOver && Date.now() < untilMs) {
      if (await this.#post(system, "replies", reply) !== undefined) return;
      await pause(200);
    }
  }

  /** Undefined: no server took it. */
  async #post(
    system: string,
    path: string,
    body: unknown,
  ): Promise<{ readonly envelopes?: readonly Command[] } | undefined> {
    const server = this.#some();
    if (server === undefined) return undefined;
    try {
      const response = await fetch(`${server.url}/v1/bus/${system}/${path}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${server.key}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(5_000),
      });
      const text = await response.text();
      return response.ok ? JSON.parse(text || "{}") : undefined;
    } catch {
      return undefined; // it was killed meanwhile
    }
  }
}
