/** Polling: hands envelopes to workers without a broker, and holds them until they are answered. */

import { commandChannel } from "../core/channels.ts";
import { type Envelope, parseEnvelope, STEP_PROGRESS } from "../core/envelope.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { Bus, Cancel, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";

/** How long the bus itself waits for a node that polls; its envelopes come again after that. */
const NODE_LEASE_MS = 30_000;

/** What a poll waits at least: an empty channel shows only after the bus has looked into it. */
export const LOOK_MS = 500;

/** Back to the bus at once: another poll gets it. */
const AGAIN: Handled = { kind: "retry", afterMs: 0 };

/** What polling works with. */
export interface PollingDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly bus: Pick<Bus, "consume">;
  /** Begins the name of every channel. */
  readonly prefix: string;
  /** Whether a workflow that is loaded gives this system a step. */
  isDeclared(system: string): boolean;
  /** Takes a reply; resolves with the id of the envelope that it answers, once it is committed. */
  takeReply(system: string, reply: unknown): Promise<string>;
}

/** One poll: how much it takes, and how long each of its envelopes is left to its worker. */
export interface Poll {
  readonly max: number;
  readonly waitMs: number;
  readonly leaseMs: number;
  readonly signal: AbortSignal;
}

/** An envelope that the bus waits for. */
interface Handed {
  readonly envelope: Envelope;
  settle(handled: Handled): void;
}

/** An envelope that a worker has, with all copies of it that came meanwhile. */
interface Held {
  readonly leaseMs: number;
  readonly settles: Handed["settle"][];
  cancel: Cancel;
}

/**
 * The worker side of a bus for those who speak HTTP only.
 *
 * An envelope that wants an answer is acknowledged by it; one that gets none in its lease comes
 * again, under its old id. A sign of life begins the lease anew.
 */
export class Polling {
  /** By system and id. */
  readonly #held = new Map<string, Held>();
  readonly #open = new Set<() => void>();
  #isStopped = false;

  constructor(readonly parts: PollingDeps) {}

  /**
   * Waits for envelopes of a system; none is an answer, too. It waits at least LOOK_MS for the first.
   *
   * @throws {TaskerError} system.not_found, bus.unavailable
   */
  async poll(system: string, poll: Poll): Promise<readonly Envelope[]> {
    if (!this.parts.isDeclared(system)) throw unknownSystem(system);
    if (this.#isGone(poll)) return [];
    const { runtime, bus, prefix } = this.parts;
    const handed: Handed[] = [];
    const done = Promise.withResolvers<void>();
    let isOver = false;
    const over = () => {
      isOver = true;
      done.resolve();
    };
    const take = (envelope: Envelope): Promise<Handled> => {
      if (isOver || handed.length >= poll.max) return Promise.resolve(AGAIN);
      // What arrived together is handed over together.
      if (handed.length === 0) runtime.soon(over);
      return new Promise((settle) => handed.push({ envelope, settle }));
    };
    // Before the bus is asked: it may hand over before it has answered, and a client may go.
    this.#open.add(over);
    poll.signal.addEventListener("abort", over, { once: true });
    let cancel: Cancel = () => {};
    try {
      const end = await bus.consume(
        commandChannel(prefix, system),
        { group: system, inFlightMax: poll.max, leaseMs: NODE_LEASE_MS },
        (delivery) => this.#sort(system, delivery, take),
      );
      cancel = runtime.after(Math.max(poll.waitMs, LOOK_MS), over);
      await done.promise;
      this.#end(end);
    } catch (error) {
      for (const { settle } of handed) settle(AGAIN);
      throw error;
    } finally {
      over();
      cancel();
      this.#open.delete(over);
      poll.signal.removeEventListener("abort", over);
    }
    return this.#handOver(system, poll, handed);
  }

  /**
   * Takes an answer of a system; resolves when it is committed.
   *
   * @throws {TaskerError} bus.reply_refused, bus.envelope_invalid, journal.*, node.draining
   */
  async reply(system: string, reply: unknown): Promise<void> {
    const key = keyOf(system, await this.parts.takeReply(system, reply));
    const held = this.#held.get(key);
    if (held === undefined) return;
    const isProgress = (reply as Envelope).type === STEP_PROGRESS;
    if (isProgress) this.#lease(key, held);
    else this.#settle(key, { kind: "ack" });
  }

  /** Ends all polls, and gives back what workers have: another node takes their answers. */
  stop(): void {
    this.#isStopped = true;
    for (const over of this.#open) over();
    for (const key of [...this.#held.keys()]) this.#settle(key, AGAIN);
  }

  /** Whether nobody would get what the poll gets. */
  #isGone({ signal }: Poll): boolean {
    return this.#isStopped || signal.aborted;
  }

  /** It ends when all that is in hand has settled; nobody waits for that here. */
  #end(end: () => Promise<void>): void {
    end().catch((error) => this.parts.log.warn("A poll ended badly", { error: messageOf(error) }));
  }

  /** Lets a poll take what its worker can use. */
  #sort(
    system: string,
    { body }: Delivery,
    take: (envelope: Envelope) => Promise<Handled>,
  ): Promise<Handled> {
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(body);
    } catch (error) {
      const reason = messageOf(error);
      this.parts.log.warn("A command is no envelope: it is dropped", { system, error: reason });
      return Promise.resolve({ kind: "dead", reason });
    }
    // Its worker would drop it without an answer, and so get it again for ever.
    if (this.#isExpired(envelope)) return Promise.resolve({ kind: "ack" });
    // What a worker has is left to it for its lease: a copy shares its fate.
    const held = this.#held.get(keyOf(system, envelope.id));
    if (held === undefined) return take(envelope);
    return new Promise((settle) => held.settles.push(settle));
  }

  #isExpired({ expirytime }: Envelope): boolean {
    return expirytime !== undefined && Date.parse(expirytime) < this.parts.runtime.now();
  }

  /** Leaves to the worker what its poll got; if it has gone meanwhile, the bus gets all back. */
  #handOver(system: string, poll: Poll, handed: readonly Handed[]): readonly Envelope[] {
    if (this.#isGone(poll)) {
      for (const { settle } of handed) settle(AGAIN);
      return [];
    }
    return handed.filter(({ envelope, settle }) => {
      if (envelope.taskerreplytoken === undefined) {
        settle({ kind: "ack" });
        return true;
      }
      const key = keyOf(system, envelope.id);
      const held = this.#held.get(key);
      if (held !== undefined) held.settles.push(settle);
      else this.#lease(key, { leaseMs: poll.leaseMs, settles: [settle], cancel() {} });
      return held === undefined;
    }).map(({ envelope }) => envelope);
  }

  #lease(key: string, held: Held): void {
    held.cancel();
    held.cancel = this.parts.runtime.after(held.leaseMs, () => this.#settle(key, AGAIN));
    this.#held.set(key, held);
  }

  #settle(key: string, handled: Handled): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    held.cancel();
    for (const settle of held.settles) settle(handled);
  }
}

function unknownSystem(system: string): TaskerError {
  const why = "no workflow that is loaded here gives it a step";
  return new TaskerError("system.not_found", `Cannot poll for system "${system}": ${why}`);
}

function keyOf(system: string, id: string): string {
  return `${system}/${id}`;
}
