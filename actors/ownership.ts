/** Ownership: keeps this node's row alive, and its share of the slots in its hands. */

import { messageOf } from "../src/core/errors.ts";
import { hash32, type Incarnation, slotOf, SLOTS, type TaskId } from "../src/core/ids.ts";
import type { Cancel, NodeRow, Nodes, PollResult, Runtime, SlotRow } from "../src/core/ports.ts";
import type { Log } from "../src/telemetry/log.ts";

/** How often a node renews and looks. */
export const POLL_MS = 1_000;

/** How soon after a wake-up it looks again, so that wake-ups join. */
const WAKE_MS = 20;

/** A node is taken over only after this many of our own polls saw it not renew. */
const STALE_POLLS_MIN = 3;

/** ... and after so long on our own clock: a third of the lease. */
const STALE_MS_MIN = 3_500;

/** How long a slot may wait for its running steps before it is given away. */
const HANDOVER_MS_MAX = 30_000;

/** What ownership works with. */
export interface OwnershipParts {
  readonly runtime: Runtime;
  readonly nodes: Nodes;
  readonly log: Log;
  readonly incarnation: Incarnation;
  /** The slots of this node changed. */
  own(slots: readonly number[]): void;
  /** Reads the resident tasks of new slots into memory. */
  load(taskIds: readonly TaskId[]): Promise<void>;
  /** Slots with tasks whose step code runs here. */
  busySlots(): ReadonlySet<number>;
  /** Drops the tasks of slots that leave; resolves after their last flush. */
  release(isGone: (taskId: TaskId) => boolean): Promise<void>;
  /** Inbox and due tasks, each time they were looked at. */
  polled(result: PollResult): void;
  /** The node's row is gone. */
  fenced(): void;
}

interface Watched {
  renewals: number;
  sinceMs: number;
  polls: number;
}

/** Renews, claims, releases and takes over, once a second and when woken. */
export class Ownership {
  readonly #slots = new Map<number, SlotRow>();
  readonly #watched = new Map<Incarnation, Watched>();
  readonly #leavingSince = new Map<number, number>();
  #timer: Cancel | undefined;
  #unlisten: Cancel | undefined;
  #polling: Promise<void> | undefined;
  #isAgain = false;
  #isStopped = false;
  #live: readonly Incarnation[] = [];
  /** Slot → the node it belongs to; computed when the live nodes change. */
  #targets: readonly Incarnation[] = [];
  #targetsFor = "";

  constructor(readonly parts: OwnershipParts) {}

  /** Nodes that renew, this one included. */
  get live(): readonly Incarnation[] {
    return this.#live;
  }

  /** Slots of this node. */
  get owned(): number {
    return [...this.#slots.values()].filter((row) => row.owner === this.parts.incarnation).length;
  }

  /** Begins; resolves after the first poll and the claims it led to. */
  async start(): Promise<void> {
    this.#unlisten = await this.parts.nodes.onWake(() => this.#wake());
    await this.poll();
  }

  /** Polls now; joins a poll under way, and one more after it. */
  poll(): Promise<void> {
    if (this.#polling !== undefined) {
      this.#isAgain = true;
      return this.#polling;
    }
    this.#timer?.();
    return this.#polling = this.#pollOnce().finally(() => {
      this.#polling = undefined;
      if (this.#isStopped) return;
      this.#sleep(this.#isAgain ? WAKE_MS : POLL_MS);
      this.#isAgain = false;
    });
  }

  /** Stops polling; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.();
    this.#unlisten?.();
    await this.#polling;
  }

  #wake(): void {
    if (this.#isStopped || this.#polling !== undefined) {
      this.#isAgain = true;
      return;
    }
    this.#timer?.();
    this.#sleep(WAKE_MS);
  }

  #sleep(ms: number): void {
    this.#timer = this.parts.runtime.after(ms, () => void this.poll());
  }

  async #pollOnce(): Promise<void> {
    try {
      const result = await this.parts.nodes.poll();
      if (this.#isStopped) return;
      if (!result.alive) return this.parts.fenced();
      this.parts.runtime.setOffset(result.databaseNowMs);
      for (const row of result.slots) this.#slots.set(row.slot, row);
      await this.#takeOverDead(result.nodes);
      await this.#balance();
      this.parts.polled(result);
    } catch (error) {
      this.parts.log.warn("cannot poll the database", { error: messageOf(error) });
    }
  }

  // Other nodes

  /** Ends nodes that this node itself has watched not renewing, and whose lease is over. */
  async #takeOverDead(nodes: readonly NodeRow[]): Promise<void> {
    const nowMs = this.parts.runtime.monotonic();
    for (const node of nodes) this.#watch(node, nowMs);
    const known = new Set(nodes.map((node) => node.incarnation));
    for (const gone of this.#watched.keys()) if (!known.has(gone)) this.#watched.delete(gone);
    const dead = nodes.filter((node) => this.#isDead(node, nowMs));
    let isTaken = false;
    for (const { incarnation, name } of dead) {
      if (!await this.parts.nodes.takeOver(incarnation)) continue;
      this.parts.log.warn("took over from a dead node", { incarnation, node: name });
      isTaken = true;
    }
    if (isTaken) this.#isAgain = true; // the next poll sees its slots free
    this.#live = nodes.filter((node) => !node.expired || !dead.includes(node)).map((node) =>
      node.incarnation
    );
    await this.#freeOrphans(known);
  }

  #watch(node: NodeRow, nowMs: number): void {
    const watched = this.#watched.get(node.incarnation);
    if (watched === undefined || watched.renewals !== node.renewals) {
      this.#watched.set(node.incarnation, { renewals: node.renewals, sinceMs: nowMs, polls: 0 });
    } else watched.polls++;
  }

  #isDead(node: NodeRow, nowMs: number): boolean {
    const watched = this.#watched.get(node.incarnation);
    if (!node.expired || node.incarnation === this.parts.incarnation || watched === undefined) {
      return false;
    }
    return watched.polls >= STALE_POLLS_MIN && nowMs - watched.sinceMs >= STALE_MS_MIN;
  }

  async #freeOrphans(known: ReadonlySet<Incarnation>): Promise<void> {
    for (const { owner } of this.#slots.values()) {
      if (owner === null || known.has(owner)) continue;
      if (await this.parts.nodes.freeOrphans() > 0) this.#isAgain = true;
      return;
    }
  }

  // Slots

  async #balance(): Promise<void> {
    this.#retarget();
    await this.#claim();
    await this.#giveAway();
  }

  /** Which node each slot belongs to: the highest of a hash of both (rendezvous hashing). */
  #retarget(): void {
    const live = [...this.#live].sort();
    if (live.join() === this.#targetsFor) return;
    this.#targetsFor = live.join();
    this.#targets = Array.from({ length: SLOTS }, (_, slot) => highest(live, slot));
  }

  async #claim(): Promise<void> {
    const wanted = [...this.#slots.values()].filter((row) =>
      row.owner === null && this.#targets[row.slot] === this.parts.incarnation
    );
    if (wanted.length === 0) return;
    const claimed = await this.parts.nodes.claim(wanted);
    if (claimed.length === 0) return;
    const slots = claimed.map((row) => row.slot);
    const residents = await this.parts.nodes.residents(slots);
    for (const row of claimed) this.#slots.set(row.slot, row);
    this.#announce();
    // Loading does not hold up the renewal of the lease.
    void this.parts.load(residents);
    this.#isAgain = true; // their inbox has not been looked at
  }

  async #giveAway(): Promise<void> {
    const foreign = [...this.#slots.values()].filter((row) => this.#isForeign(row));
    if (foreign.length === 0) return;
    const busy = this.parts.busySlots();
    const leaving = foreign.filter((row) => !busy.has(row.slot) || this.#waitedLong(row.slot));
    if (leaving.length === 0) return;
    const slots = new Set(leaving.map((row) => row.slot));
    for (const row of leaving) {
      this.#slots.set(row.slot, { ...row, owner: null, version: row.version + 1 });
    }
    this.#announce();
    await this.parts.release((taskId) => slots.has(slotOf(taskId)));
    await this.parts.nodes.release(leaving);
    for (const slot of slots) this.#leavingSince.delete(slot);
  }

  /** Whether a slot is ours and belongs to another node. */
  #isForeign(row: SlotRow): boolean {
    const target = this.#targets[row.slot];
    return row.owner === this.parts.incarnation && target !== undefined && target !== row.owner;
  }

  /** Whether a slot has waited for its running steps for as long as it may. */
  #waitedLong(slot: number): boolean {
    const nowMs = this.parts.runtime.monotonic();
    const since = this.#leavingSince.get(slot) ?? nowMs;
    this.#leavingSince.set(slot, since);
    return nowMs - since > HANDOVER_MS_MAX;
  }

  #announce(): void {
    const { incarnation } = this.parts;
    this.parts.own(
      [...this.#slots.values()].filter((row) => row.owner === incarnation).map((row) => row.slot),
    );
  }
}

function highest(live: readonly Incarnation[], slot: number): Incarnation {
  let best = live[0] as Incarnation;
  let score = -1;
  for (const incarnation of live) {
    const drawn = hash32(`${incarnation}/${slot}`);
    if (drawn > score) [best, score] = [incarnation, drawn];
  }
  return best;
}
