/** Polling: gives envelopes to workers without a broker, and keeps them until they are answered. */

import { commandChannel } from "../core/channels.ts";
import { type Envelope, parseEnvelope, STEP_PROGRESS } from "../core/envelope.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { Bus, Cancel, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { DeadLetterStore } from "./dead_letter_store.ts";

/** The lease of a node that polls; after it the bus delivers its envelopes again. */
const NODE_LEASE_MS = 30_000;

/** The least time of a poll: that a channel is empty is known only after the bus has looked into it. */
export const LOOK_MS = 500;

/** Back to the bus at once: another poll gets it. */
const GIVE_BACK: Handled = { kind: "retry", afterMs: 0 };

/** What polling works with. */
export interface PollingDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly bus: Pick<Bus, "consume">;
  readonly deadLetters: Pick<DeadLetterStore, "keep">;
  /** Begins the name of every channel. */
  readonly prefix: string;
  /** Whether a workflow that is loaded here names this system, or an instance of it has registered. */
  isKnown(system: string): boolean;
  /** Reads again who has registered: that may have been at another node, just now. */
  readInstances(): Promise<void>;
  /** Whether an instance is to get nothing now. */
  isEjected(system: string, instance: string): boolean;
  /** Takes a reply; resolves with the id of the envelope that it answers, once it is committed. */
  takeReply(system: string, reply: unknown, instance?: string): Promise<string>;
}

/** One poll: how much it takes, and how long its worker may keep each envelope. */
export interface Poll {
  readonly max: number;
  readonly waitMs: number;
  readonly leaseMs: number;
  /** Who polls; absent: it cannot be ejected. */
  readonly instance?: string | undefined;
  readonly signal: AbortSignal;
}

/** An envelope that a poll took and has not returned yet. */
interface Polled {
  readonly envelope: Envelope;
  settle(handled: Handled): void;
}

/** An envelope that a worker has, with all copies of it that arrived meanwhile. */
interface Leased {
  readonly leaseMs: number;
  readonly instance: string | undefined;
  readonly settles: Polled["settle"][];
  cancel: Cancel;
}

/**
 * The side of the bus for workers that only speak HTTP.
 *
 * An envelope that asks for an answer is acknowledged by it; without one in its lease it is delivered
 * again, under the same id. A heartbeat starts the lease anew.
 */
export class Polling {
  /** By system and id. */
  readonly #leased = new Map<string, Leased>();
  readonly #open = new Set<() => void>();
  #isStopped = false;

  constructor(readonly deps: PollingDeps) {}

  /**
   * Waits for envelopes of a system, at least LOOK_MS for the first; the result may be empty.
   *
   * @throws {TaskerError} system.not_found, bus.unavailable
   */
  async poll(system: string, poll: Poll): Promise<readonly Envelope[]> {
    if (!this.deps.isKnown(system)) await this.deps.readInstances();
    if (!this.deps.isKnown(system)) throw unknownSystem(system);
    if (this.#isGone(poll)) return [];
    const { runtime, bus, prefix } = this.deps;
    const polled: Polled[] = [];
    const done = Promise.withResolvers<void>();
    let isOver = false;
    const over = () => {
      isOver = true;
      done.resolve();
    };
    // An ejected instance waits as if there were nothing, and so asks no more often.
    const isOut = () => poll.instance !== undefined && this.deps.isEjected(system, poll.instance);
    const take = (envelope: Envelope): Promise<Handled> => {
      if (isOut()) over();
      if (isOver || polled.length >= poll.max) return Promise.resolve(GIVE_BACK);
      // What arrives together is returned together.
      if (polled.length === 0) runtime.soon(over);
      return new Promise((settle) => polled.push({ envelope, settle }));
    };
    // Before the bus is asked: it may deliver before `consume` resolves, and a client may go.
    this.#open.add(over);
    poll.signal.addEventListener("abort", over, { once: true });
    let cancel: Cancel = () => {};
    try {
      const end = isOut() ? undefined : await bus.consume(
        commandChannel(prefix, system),
        { group: system, inFlightMax: poll.max, leaseMs: NODE_LEASE_MS },
        (delivery) => this.#sort(system, delivery, take),
      );
      cancel = runtime.after(Math.max(poll.waitMs, LOOK_MS), over);
      await done.promise;
      if (end !== undefined) this.#end(end);
    } catch (error) {
      for (const { settle } of polled) settle(GIVE_BACK);
      throw error;
    } finally {
      over();
      cancel();
      this.#open.delete(over);
      poll.signal.removeEventListener("abort", over);
    }
    return this.#leaseAll(system, poll, polled);
  }

  /**
   * Takes an answer of a system; resolves when it is committed.
   *
   * @throws {TaskerError} bus.reply_refused, bus.envelope_invalid, journal.*, node.draining
   */
  async reply(system: string, reply: unknown): Promise<void> {
    const { causationid = "" } = (reply ?? {}) as Partial<Envelope>;
    const instance = this.#leased.get(keyOf(system, causationid))?.instance;
    const key = keyOf(system, await this.deps.takeReply(system, reply, instance));
    const leased = this.#leased.get(key);
    if (leased === undefined) return;
    const isProgress = (reply as Envelope).type === STEP_PROGRESS;
    if (isProgress) this.#lease(key, leased);
    else this.#settle(key, { kind: "ack" });
  }

  /** Ends all polls, and gives back what workers have: other nodes take their answers. */
  stop(): void {
    this.#isStopped = true;
    for (const over of this.#open) over();
    for (const key of [...this.#leased.keys()]) this.#settle(key, GIVE_BACK);
  }

  /** Whether nobody waits for the result of the poll. */
  #isGone({ signal }: Poll): boolean {
    return this.#isStopped || signal.aborted;
  }

  /** Does not wait: it ends when all that is in flight has settled. */
  #end(end: () => Promise<void>): void {
    end().catch((error) =>
      this.deps.log.warn("Cannot end the consumer of a poll", { error: messageOf(error) })
    );
  }

  /** Lets a poll take what a worker can use. */
  #sort(
    system: string,
    delivery: Delivery,
    take: (envelope: Envelope) => Promise<Handled>,
  ): Promise<Handled> {
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(delivery.body);
    } catch (error) {
      return this.#putAside(system, delivery, messageOf(error));
    }
    // Its worker would drop it without an answer, and get it again for ever.
    if (this.#isExpired(envelope)) return Promise.resolve({ kind: "ack" });
    // A copy of what a worker has is settled together with it.
    const leased = this.#leased.get(keyOf(system, envelope.id));
    if (leased === undefined) return take(envelope);
    return new Promise((settle) => leased.settles.push(settle));
  }

  /** What no worker can read becomes a dead letter; a throw has it delivered again. */
  #putAside(system: string, delivery: Delivery, reason: string): Promise<Handled> {
    const channel = commandChannel(this.deps.prefix, system);
    return this.deps.deadLetters.keep({ ...delivery, system, channel, kind: "command", reason });
  }

  #isExpired({ expirytime }: Envelope): boolean {
    return expirytime !== undefined && Date.parse(expirytime) < this.deps.runtime.now();
  }

  /** Leases to the worker what its poll took; if the client has gone, the bus gets all back. */
  #leaseAll(system: string, poll: Poll, polled: readonly Polled[]): readonly Envelope[] {
    if (this.#isGone(poll)) {
      for (const { settle } of polled) settle(GIVE_BACK);
      return [];
    }
    return polled.filter(({ envelope, settle }) => {
      if (envelope.taskerreplytoken === undefined) {
        settle({ kind: "ack" });
        return true;
      }
      const key = keyOf(system, envelope.id);
      const leased = this.#leased.get(key);
      if (leased !== undefined) leased.settles.push(settle);
      else {
        const { leaseMs, instance } = poll;
        this.#lease(key, { leaseMs, instance, settles: [settle], cancel() {} });
      }
      return leased === undefined;
    }).map(({ envelope }) => envelope);
  }

  #lease(key: string, leased: Leased): void {
    leased.cancel();
    leased.cancel = this.deps.runtime.after(leased.leaseMs, () => this.#settle(key, GIVE_BACK));
    this.#leased.set(key, leased);
  }

  #settle(key: string, handled: Handled): void {
    const leased = this.#leased.get(key);
    if (leased === undefined) return;
    this.#leased.delete(key);
    leased.cancel();
    for (const settle of leased.settles) settle(handled);
  }
}

function unknownSystem(system: string): TaskerError {
  const why = "no workflow that is loaded here names it, and no instance of it has registered; " +
    "register one, or correct the name";
  return new TaskerError("system.not_found", `Cannot poll for system "${system}": ${why}`);
}

function keyOf(system: string, id: string): string {
  return `${system}/${id}`;
}
