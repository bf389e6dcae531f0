/** Stands in for the engine towards workers over HTTP: gives commands, takes answers. */

import type { Envelope } from "../../src/core/envelope.ts";
import { until } from "./serve.ts";
import { type Asked, commandOf } from "./worker_harness.ts";

/** How long an answer may take on a loaded machine. */
const ANSWER_MS_MAX = 30_000;

/** The key that workers have to show. */
const KEY = "tsk_test";

/** What a worker asks for. */
interface Poll {
  readonly max: number;
  readonly waitMs: number;
  readonly leaseMs: number;
}

/** A command that a worker has, until its lease ends. */
interface Leased {
  readonly envelope: Envelope;
  readonly leaseMs: number;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** One system's side of `/v1/bus`, on a port of its own. */
export class HttpEngine implements AsyncDisposable {
  /** All answers but heartbeats, in the order of their arrival. */
  readonly replies: Envelope[] = [];
  /** How often each command was delivered. */
  readonly deliveries = new Map<string, number>();
  /** The status of answers to replies. */
  replyStatus = 202;
  /** Whether polls are answered with an error of the engine. */
  isBroken = false;
  /** Polls that were answered so. */
  brokenPolls = 0;
  readonly #waiting: Envelope[] = [];
  readonly #leases = new Map<string, Leased>();
  #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(readonly system: string) {
    this.#server = this.#serve(0);
    this.port = this.#server.addr.port;
  }

  readonly port: number;

  /** What a worker finds in its environment. */
  get env(): Record<string, string> {
    return { TASKER_URL: `http://127.0.0.1:${this.port}`, TASKER_KEY: KEY };
  }

  send(...commands: Asked[]): void {
    for (const asked of commands) this.#waiting.push(commandOf(this.system, asked));
  }

  /** Sends an envelope as it is. */
  put(envelope: Envelope): void {
    this.#waiting.push(envelope);
  }

  /** Resolves when workers have `count` commands in hand. */
  async taken(count = 1): Promise<void> {
    await until(`${this.system} to take ${count} commands`, ANSWER_MS_MAX, () => {
      return Promise.resolve(this.#leases.size >= count || undefined);
    });
  }

  /** Resolves with all replies once there are `count`, and nothing waits or is in hand. */
  async settled(count: number): Promise<readonly Envelope[]> {
    return await until(`${count} replies of ${this.system}`, ANSWER_MS_MAX, () => {
      const isIdle = this.#waiting.length === 0 && this.#leases.size === 0;
      return Promise.resolve(isIdle && this.replies.length >= count ? this.replies : undefined);
    });
  }

  /** Goes away; what workers have in hand stays theirs. */
  async down(): Promise<void> {
    await this.#server.shutdown();
  }

  /** Is back, on the same port. */
  up(): void {
    this.#server = this.#serve(this.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { timer } of this.#leases.values()) clearTimeout(timer);
    this.#leases.clear();
    await this.#server.shutdown();
  }

  #serve(port: number): Deno.HttpServer<Deno.NetAddr> {
    return Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, async (request) => {
      if (request.headers.get("authorization") !== `Bearer ${KEY}`) {
        return new Response("no such key", { status: 401 });
      }
      const body = await request.json();
      switch (new URL(request.url).pathname) {
        case `/v1/bus/${this.system}/poll`:
          if (this.isBroken) return new Response(`${++this.brokenPolls} broken`, { status: 503 });
          return Response.json({ envelopes: await this.#poll(body) });
        case `/v1/bus/${this.system}/replies`:
          return this.#reply(Array.isArray(body) ? body : [body]);
        default:
          return new Response("no such route", { status: 404 });
      }
    });
  }

  /** Waits shorter than it may, so that a test does not wait for polls that end. */
  async #poll({ max, waitMs, leaseMs }: Poll): Promise<readonly Envelope[]> {
    const deadline = Date.now() + Math.min(waitMs, 500);
    while (this.#waiting.length === 0 && Date.now() < deadline) {
      await new Promise((wake) => setTimeout(wake, 10));
    }
    const given = this.#waiting.splice(0, max);
    for (const envelope of given) {
      this.deliveries.set(envelope.id, (this.deliveries.get(envelope.id) ?? 0) + 1);
      if (envelope.taskerreplytoken !== undefined) this.#lease(envelope, leaseMs);
    }
    return given;
  }

  #lease(envelope: Envelope, leaseMs: number): void {
    clearTimeout(this.#leases.get(envelope.id)?.timer);
    const timer = setTimeout(() => {
      this.#leases.delete(envelope.id);
      this.#waiting.push(envelope);
    }, leaseMs);
    this.#leases.set(envelope.id, { envelope, leaseMs, timer });
  }

  #reply(replies: readonly Envelope[]): Response {
    for (const reply of replies) {
      const leased = this.#leases.get(reply.causationid ?? "");
      if (reply.type === "tasker.step.progress") {
        if (leased !== undefined) this.#lease(leased.envelope, leased.leaseMs);
        continue;
      }
      this.replies.push(reply);
      clearTimeout(leased?.timer);
      this.#leases.delete(reply.causationid ?? "");
    }
    return Response.json({ accepted: replies.length }, { status: this.replyStatus });
  }
}
