/** Polling: hands envelopes to workers without a broker, and holds them until they are answered. */

import { commandChannel } from "../core/channels.ts";
import { type Envelope, parseEnvelope, STEP_PROGRESS } from "../core/envelope.ts";
import { messageOf } from "../core/errors.ts";
import type { Bus, Cancel, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";

/** How long the bus itself waits for a node that polls; its envelopes come again after that. */
const NODE_LEASE_MS = 30_000;

/** Back to the bus at once: another poll gets it. */
const AGAIN: Handled = { kind: "retry", afterMs: 0 };

/** What polling works with. */
export interface PollingParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly bus: Pick<Bus, "consume">;
  /** Begins the name of every channel. */
  readonly prefix: string;
  /** Takes a reply; resolves with the id of the envelope that it answers, once it is committed. */
  takeReply(system: string, reply: Envelope): Promise<string>;
}

/** One poll: how much it takes, and how long each of its envelopes is left to its worker. */
export interface Poll {
  readonly max: number;
  readonly waitMs: number;
  readonly leaseMs: number;
  readonly signal: AbortSignal;
}

/** An envelope that a worker has. */
interface Held {
  readonly leaseMs: number;
  settle(handled: Handled): void;
  cancel: Cancel;
}

/**
 * The worker side of a bus for those who speak HTTP only.
 *
 * An envelope that wants an answer is acknowledged by it; one that gets none in its lease comes
 * again, under its old id. A sign of life begins the lease anew.
 */
export class Polling {
  readonly #held = new Map<string, Held>();
  readonly #open = new Set<() => void>();
  #isStopped = false;

  constructor(readonly parts: PollingParts) {}

  /**
   * Waits for envelopes of a system; none is an answer, too.
   *
   * @throws {TaskerError} bus.unavailable
   */
  async poll(system: string, poll: Poll): Promise<readonly Envelope[]> {
    const { bus, prefix } = this.parts;
    const got: Envelope[] = [];
    const done = Promise.withResolvers<void>();
    let isOver = this.#isStopped;
    const over = () => {
      isOver = true;
      done.resolve();
    };
    const handle = (delivery: Delivery): Promise<Handled> => {
      if (isOver || got.length >= poll.max) return Promise.resolve(AGAIN);
      // What arrived together is handed over together.
      if (got.length === 0) this.parts.runtime.soon(over);
      return this.#hand(delivery, poll, got);
    };
    if (isOver) return [];
    const end = await bus.consume(
      commandChannel(prefix, system),
      { group: system, slots: poll.max, leaseMs: NODE_LEASE_MS },
      handle,
    );
    const cancel = this.parts.runtime.after(poll.waitMs, over);
    poll.signal.addEventListener("abort", over, { once: true });
    this.#open.add(over);
    if (poll.signal.aborted) over();
    await done.promise;
    cancel();
    this.#open.delete(over);
    poll.signal.removeEventListener("abort", over);
    // It ends when all that is in hand has settled; nobody waits for that here.
    end().catch((error) => this.parts.log.warn("A poll ended badly", { error: messageOf(error) }));
    return got;
  }

  /**
   * Takes an answer of a system; resolves when it is committed.
   *
   * @throws {TaskerError} bus.reply_refused, bus.envelope_invalid, journal.*, node.draining
   */
  async reply(system: string, reply: Envelope): Promise<void> {
    const id = await this.parts.takeReply(system, reply);
    const held = this.#held.get(id);
    if (held === undefined) return;
    if (reply.type === STEP_PROGRESS) this.#lease(id, held);
    else this.#settle(id, { kind: "ack" });
  }

  /** Ends all polls, and gives back what workers have: another node takes their answers. */
  stop(): void {
    this.#isStopped = true;
    for (const over of this.#open) over();
    for (const id of [...this.#held.keys()]) this.#settle(id, AGAIN);
  }

  #hand(delivery: Delivery, { leaseMs }: Poll, got: Envelope[]): Promise<Handled> {
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(delivery.body);
    } catch (error) {
      return Promise.resolve({ kind: "dead", reason: messageOf(error) });
    }
    // Its worker would drop it without an answer, and so get it again for ever.
    if (this.#isExpired(envelope)) return Promise.resolve({ kind: "ack" });
    got.push(envelope);
    if (envelope.taskerreplytoken === undefined) return Promise.resolve({ kind: "ack" });
    this.#settle(envelope.id, AGAIN);
    return new Promise((settle) => this.#lease(envelope.id, { leaseMs, settle, cancel() {} }));
  }

  #isExpired({ expirytime }: Envelope): boolean {
    return expirytime !== undefined && Date.parse(expirytime) < this.parts.runtime.now();
  }

  #lease(id: string, held: Held): void {
    held.cancel();
    held.cancel = this.parts.runtime.after(held.leaseMs, () => this.#settle(id, AGAIN));
    this.#held.set(id, held);
  }

  #settle(id: string, handled: Handled): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    held.cancel();
    held.settle(handled);
  }
}
