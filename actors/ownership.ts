/** Ownership: renews this node's lease, and takes and gives away slots. */

import { messageOf } from "../src/core/errors.ts";
import { type Incarnation, slotOf, type TaskId } from "../src/core/ids.ts";
import type { Cancel, NodeRow, Nodes, PollResult, Runtime, SlotRow } from "../src/core/ports.ts";
import type { Log } from "../src/telemetry/log.ts";
import { SlotTargets } from "./slot_targets.ts";

/** How often a node renews its lease and polls. */
const POLL_MS = 1_000;

/** How soon it polls after a wake-up; several wake-ups share one poll. */
const WAKE_MS = 20;

/** A node is taken over only after this many polls of ours found its lease not renewed, */
const STALE_POLLS_MIN = 3;

/** and after this long on our own clock: a third of the lease. */
const STALE_MS_MIN = 3_500;

/** How long a slot that is to move waits for its running code; then the code is asked to end. */
export const MOVE_MS_MAX = 30_000;

/**
 * Without a renewal for this long, on our own clock, running code is asked to end: once the lease
 * of 10 s is over, another node may own its slots. Counted from when the last renewal was sent.
 */
export const CUT_OFF_MS = 8_000;

/** What ownership works with. */
export interface OwnershipDeps {
  readonly runtime: Runtime;
  readonly nodes: Nodes;
  readonly log: Log;
  readonly incarnation: Incarnation;
  /** The slots of this node changed. */
  own(slots: readonly number[]): void;
  /** Reads the resident tasks of new slots into memory. */
  load(taskIds: readonly TaskId[]): Promise<void>;
  /** Slots with tasks whose step code runs here, or whose results are not written yet. */
  busySlots(): ReadonlySet<number>;
  /**
   * Starts no more code in these slots, and only in these, and asks the code that runs there to end.
   * Code that must not be repeated is waited for.
   */
  evict(slots: ReadonlySet<number>): void;
  /** This node could not renew its lease: its code has to end before others repeat the attempts. */
  cutOff(): void;
  /** Drops the tasks of slots that leave; resolves after their last flush. */
  giveAway(isGone: (taskId: TaskId) => boolean): Promise<void>;
  /** Called with the result of each poll. */
  polled(result: PollResult): void;
  /** The node's row is gone. */
  fenced(): void;
}

interface Watched {
  renewals: number;
  sinceMs: number;
  polls: number;
}

/**
 * Renews, claims, releases and takes over, once a second and when woken.
 *
 * Slots move beside the polls, one move after the other: a renewal never waits for a flush, a lock or
 * another node. Each move compares what the database says with what is served here, so it also does
 * what an earlier one has left undone.
 */
export class Ownership {
  /** As the database has them, as far as is known. */
  readonly #slots = new Map<number, SlotRow>();
  /** Slots whose tasks are in memory here, or are being loaded. */
  readonly #served = new Set<number>();
  readonly #watched = new Map<Incarnation, Watched>();
  readonly #leavingSince = new Map<number, number>();
  /** A node that drains claims nothing more. */
  isDraining = false;
  #timer: Cancel | undefined;
  #cutOff: Cancel | undefined;
  #unlisten: Cancel | undefined;
  #polling: Promise<void> | undefined;
  #moving: Promise<void> | undefined;
  #polledAtMs = 0;
  /** When the last renewal was sent. */
  #renewedAtMs = -Infinity;
  #isAgain = false;
  #isStopped = false;
  #live: readonly NodeRow[] = [];
  readonly #targets = new SlotTargets();
  /** Slots with a task that this node cannot read. */
  readonly #unreadable = new Set<number>();
  /** Counts what a move has to look at. */
  #changes = 0;
  /** What a move saw that left nothing to do. */
  #settled: string | undefined;

  constructor(readonly deps: OwnershipDeps) {}

  /** Nodes that renew, this one included. */
  get live(): readonly Incarnation[] {
    return this.#live.map(({ incarnation }) => incarnation);
  }

  /** Slots that this node serves. */
  get owned(): number {
    return this.#served.size;
  }

  /** Whether it serves no slot. There are more slots than nodes, so each live node gets some. */
  get hasNone(): boolean {
    return this.#served.size === 0;
  }

  /** How long ago a poll was answered. Without polls no sleeping task wakes, and no lease is renewed. */
  get silentMs(): number {
    return this.deps.runtime.monotonic() - this.#polledAtMs;
  }

  /** Whether no other node can own these slots yet: this one renewed its lease in time. */
  get isLeaseSafe(): boolean {
    return this.deps.runtime.monotonic() < this.#renewedAtMs + CUT_OFF_MS;
  }

  /** Starts; resolves after the first poll and the claims that follow from it. */
  async start(): Promise<void> {
    this.#unlisten = await this.deps.nodes.onWake(() => this.#wake());
    await this.poll();
    await this.#moving;
  }

  /** Polls now. While a poll is running it joins that one, and another one follows. */
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

  /** Takes note of a task in a newer event format: its slot goes to a node that reads it. */
  cannotRead(taskId: TaskId): void {
    this.#unreadable.add(slotOf(taskId));
    this.#changes++;
    this.#wake();
  }

  /** Stops polling; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.();
    this.#cutOff?.();
    this.#unlisten?.();
    await this.#polling;
    await this.#moving;
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
    this.#timer = this.deps.runtime.after(ms, () => void this.poll());
  }

  async #pollOnce(): Promise<void> {
    const { nodes, runtime, log } = this.deps;
    const sentMs = runtime.monotonic();
    try {
      const result = await nodes.poll();
      if (this.#isStopped) return;
      if (!result.alive) return this.deps.fenced();
      this.#renewed(sentMs);
      runtime.setOffset(result.databaseNowMs);
      this.#learn(result.slots);
      this.#watch(result.nodes);
      this.deps.polled(result);
      // If a move is running, the next poll starts another one.
      this.#moving ??= this.#move(result.nodes).catch((error) =>
        log.warn("cannot move slots", { error: messageOf(error) })
      ).finally(() => this.#moving = undefined);
    } catch (error) {
      log.warn("cannot poll the database", { error: messageOf(error) });
    }
  }

  /** Asks running code to end, again and again, unless the next renewal comes in time. */
  #renewed(sentMs: number): void {
    const { runtime, cutOff } = this.deps;
    this.#renewedAtMs = sentMs;
    this.#cutOff?.();
    const end = () => {
      cutOff();
      this.#cutOff = runtime.after(POLL_MS, end);
    };
    this.#cutOff = runtime.after(Math.max(0, sentMs + CUT_OFF_MS - runtime.monotonic()), end);
  }

  /** Takes in rows, unless newer ones are known: a move may have answered after a poll was sent. */
  #learn(rows: readonly SlotRow[]): void {
    for (const row of rows) {
      const known = this.#slots.get(row.slot);
      if (known !== undefined && known.version >= row.version) continue;
      this.#slots.set(row.slot, { ...known, ...row });
      this.#changes++;
    }
  }

  /** Looks at every slot, unless nothing has changed since a move that left nothing to do. */
  async #move(nodes: readonly NodeRow[]): Promise<void> {
    await this.#takeOverDead(nodes);
    const known = nodes.map((node) => node.incarnation);
    const live = this.#live.map((node) => node.incarnation);
    const seen = [known, live, this.isDraining, this.#changes].join("/");
    if (seen === this.#settled) return;
    const hasNoOrphan = await this.#freeOrphans(new Set(known));
    this.#targets.set(this.#live);
    await this.#leaveUnreadable();
    await this.#claim();
    await this.#serve();
    const hasNoForeign = await this.#giveAway();
    this.#settled = hasNoOrphan && hasNoForeign ? seen : undefined;
  }

  // Other nodes

  /** Notes which nodes renew. If this node itself did not poll for a while, it starts counting again. */
  #watch(nodes: readonly NodeRow[]): void {
    const nowMs = this.deps.runtime.monotonic();
    if (nowMs - this.#polledAtMs > STALE_MS_MIN) this.#watched.clear();
    this.#polledAtMs = nowMs;
    const known = new Set(nodes.map((node) => node.incarnation));
    for (const gone of this.#watched.keys()) if (!known.has(gone)) this.#watched.delete(gone);
    for (const { incarnation, renewals } of nodes) {
      const watched = this.#watched.get(incarnation);
      if (watched?.renewals === renewals) watched.polls++;
      else this.#watched.set(incarnation, { renewals, sinceMs: nowMs, polls: 0 });
    }
  }

  /** Ends nodes that this node has seen not renewing, and whose lease is over. */
  async #takeOverDead(nodes: readonly NodeRow[]): Promise<void> {
    const dead = nodes.filter((node) => this.#isDead(node));
    this.#live = nodes.filter((node) => !dead.includes(node));
    for (const node of dead) {
      // A lock that another node holds must not stop the rest of the move.
      await this.#takeOver(node).catch((error) =>
        this.deps.log.warn("cannot take over yet", {
          node: node.name,
          error: messageOf(error),
        })
      );
    }
  }

  async #takeOver({ incarnation, name }: NodeRow): Promise<void> {
    if (!await this.deps.nodes.takeOver(incarnation)) return;
    this.deps.log.warn("took over from a dead node", { incarnation, node: name });
    this.#wake(); // the next poll sees its slots free
  }

  #isDead(node: NodeRow): boolean {
    const watched = this.#watched.get(node.incarnation);
    if (!node.expired || node.incarnation === this.deps.incarnation || watched === undefined) {
      return false;
    }
    const silentMs = this.deps.runtime.monotonic() - watched.sinceMs;
    return watched.polls >= STALE_POLLS_MIN && silentMs >= STALE_MS_MIN;
  }

  /** Returns whether every slot's owner has a row. */
  async #freeOrphans(known: ReadonlySet<Incarnation>): Promise<boolean> {
    for (const { owner } of this.#slots.values()) {
      if (owner === null || known.has(owner)) continue;
      if (await this.deps.nodes.freeOrphans() > 0) this.#wake();
      return false;
    }
    return true;
  }

  /** Gives slots that have tasks of a newer version to a node that reads them. */
  async #leaveUnreadable(): Promise<void> {
    const unreadable = [...this.#slots.values()].filter((row) =>
      this.#isOurs(row) && this.#unreadable.has(row.slot)
    );
    if (unreadable.length === 0) return;
    const input = await this.deps.nodes.requireNewerFormat(unreadable);
    this.#learn(input);
    for (const { slot } of input) this.#unreadable.delete(slot);
  }

  async #claim(): Promise<void> {
    if (this.isDraining) return;
    const wanted = [...this.#slots.values()].filter((row) =>
      row.owner === null && this.#targets.of(row) === this.deps.incarnation
    );
    if (wanted.length > 0) this.#learn(await this.deps.nodes.claim(wanted));
  }

  /** Loads the tasks of slots that are ours and not yet served, also if the answer to the claim was lost. */
  async #serve(): Promise<void> {
    const slots = [...this.#slots.values()].filter((row) =>
      this.#isOurs(row) && !this.#served.has(row.slot) && !this.#isForeign(row)
    ).map((row) => row.slot);
    if (slots.length === 0) return;
    const residents = await this.deps.nodes.residents(slots);
    if (this.#isStopped) return;
    for (const slot of slots) this.#served.add(slot);
    this.deps.own([...this.#served]);
    // The next move does not wait for it.
    void this.deps.load(residents);
    this.#wake(); // to read their inbox
  }

  /** Returns whether no slot is here that belongs to another node. */
  async #giveAway(): Promise<boolean> {
    const foreign = [...this.#slots.values()].filter((row) => this.#isForeign(row));
    if (this.#leavingSince.size > 0) this.#forgetStaying(new Set(foreign.map(({ slot }) => slot)));
    const busy: ReadonlySet<number> = foreign.length === 0 ? new Set() : this.deps.busySlots();
    const canLeave = ({ slot }: SlotRow) => !this.#served.has(slot) || !busy.has(slot);
    const leaving = foreign.filter(canLeave);
    const slots = new Set(leaving.map((row) => row.slot));
    for (const slot of slots) this.#served.delete(slot);
    if (slots.size > 0) this.deps.own([...this.#served]);
    // A slot stays until the code that runs in it has ended.
    const late = foreign.filter((row) => !canLeave(row) && this.#waitedLong(row.slot));
    this.deps.evict(new Set(late.map(({ slot }) => slot)));
    if (slots.size === 0) return foreign.length === 0;
    await this.deps.giveAway((taskId) => slots.has(slotOf(taskId)));
    await this.deps.nodes.release(leaving);
    this.#learn(leaving.map((row) => ({ ...row, owner: null, version: row.version + 1 })));
    for (const slot of slots) this.#leavingSince.delete(slot);
    return false;
  }

  #isOurs(row: SlotRow): boolean {
    return row.owner === this.deps.incarnation;
  }

  /** Whether a slot is ours and belongs to another node. */
  #isForeign(row: SlotRow): boolean {
    const target = this.#targets.of(row);
    return this.#isOurs(row) && target !== undefined && target !== row.owner;
  }

  /** Forgets since when slots wait to move that are to stay after all. */
  #forgetStaying(foreign: ReadonlySet<number>): void {
    for (const slot of this.#leavingSince.keys()) {
      if (!foreign.has(slot)) this.#leavingSince.delete(slot);
    }
  }

  /** Whether a slot has waited longer than allowed for its running code. */
  #waitedLong(slot: number): boolean {
    const nowMs = this.deps.runtime.monotonic();
    const since = this.#leavingSince.get(slot) ?? nowMs;
    this.#leavingSince.set(slot, since);
    return nowMs - since > MOVE_MS_MAX;
  }
}
