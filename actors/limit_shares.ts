/** Limit shares: settles with the other nodes what each may use of the limits of systems. */

import { exponentialMs } from "../src/core/backoff.ts";
import { messageOf } from "../src/core/errors.ts";
import type { Incarnation } from "../src/core/ids.ts";
import type { Cancel, Runtime, SharedStates, VersionedState } from "../src/core/ports.ts";
import {
  type CircuitChange,
  divide,
  newSharedLimit,
  type SharedState,
} from "../src/core/shared_limit.ts";
import type { Log } from "../src/telemetry/log.ts";
import type { NodeAdmission } from "./admission.ts";
import type { Quota, SystemLimits } from "./system_limits.ts";

/** How often shares are settled while steps use them. */
const SETTLE_MS = 1_000;

/** The shortest time between two settlements: steps that wait ask for one. */
const REST_MS = 100;

/** What settling works with. */
export interface LimitSharesDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly incarnation: Incarnation;
  readonly states: SharedStates;
  readonly admission: NodeAdmission;
  /** Nodes that renew, this one included. */
  live(): readonly Incarnation[];
}

/** What is settled under one key. */
interface Unsettled {
  readonly system: SystemLimits;
  readonly quota: Quota;
}

/** Circuits that other nodes opened longer ago say nothing any more. */
const CIRCUIT_MS_MAX = 60_000;

/**
 * Settles by compare-and-set, once a second while steps use a limit, and soon when one waits.
 *
 * Cost: one read and at most one write a settlement, whatever the number of steps; nothing while no
 * limit is set and this node is alone.
 */
export class LimitShares {
  #settledAtMs = -Infinity;
  #timer: Cancel | undefined;
  #settling: Promise<void> | undefined;
  #failures = 0;
  #isStopped = false;

  constructor(readonly deps: LimitSharesDeps) {}

  /** Settles soon. */
  ask(): void {
    const { runtime } = this.deps;
    if (this.#timer !== undefined || this.#isStopped) return;
    const restMs = REST_MS + exponentialMs(this.#failures, {
      minMs: this.#failures === 0 ? 0 : REST_MS,
      maxMs: SETTLE_MS,
      random: () => runtime.random(),
    });
    const dueMs = Math.max(0, this.#settledAtMs + restMs - runtime.monotonic());
    this.#timer = runtime.after(dueMs, () => void this.#settleAll());
  }

  /** Called with each poll: settles if the last time is a while ago. */
  polled(): void {
    this.deps.admission.shareRetries(Math.max(1, this.deps.live().length));
    if (this.deps.runtime.monotonic() - this.#settledAtMs >= SETTLE_MS - REST_MS) this.ask();
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.();
    await this.#settling;
  }

  async #settleAll(): Promise<void> {
    this.#timer = undefined;
    if (this.#settling !== undefined) return;
    this.#settledAtMs = this.deps.runtime.monotonic();
    const open = this.#collect();
    if (open.length === 0) return;
    this.#settling = this.#settle(open).then(
      (areAll) => {
        this.#failures = areAll ? 0 : this.#failures + 1;
      },
      (error) => {
        if (this.#failures++ > 0) return;
        const fields = { error: messageOf(error) };
        this.deps.log.warn(
          "Cannot settle the limits of systems: steps that need more wait",
          fields,
        );
      },
    ).finally(() => {
      this.#settling = undefined;
      if (this.#failures > 0) this.ask();
    });
    await this.#settling;
  }

  /** Limits that are used here, or were; and with other nodes about, the circuits of their systems. */
  #collect(): readonly Unsettled[] {
    const areOthers = this.deps.live().length > 1;
    return [...this.deps.admission.systems].flatMap((system) =>
      [...system.quotas.values()].flatMap((quota) => {
        const isLimited = quota.limit !== undefined && (quota.isUsed || quota.isHeld);
        const isWatched = areOthers && quota.key === system.name && quota.isUsed;
        return isLimited || isWatched ? [{ system, quota }] : [];
      })
    );
  }

  /** Returns whether all was written: another node may have been faster. */
  async #settle(open: readonly Unsettled[]): Promise<boolean> {
    const { states, admission } = this.deps;
    const known = await states.read(open.map(({ quota }) => quota.key));
    const writes = new Map<string, VersionedState>();
    const divided = open.map((one) => {
      const { version, state } = known.get(one.quota.key) ?? { version: 0, state: {} };
      const { next, settle } = this.#divide(one, state);
      if (JSON.stringify(next) !== JSON.stringify(state)) {
        writes.set(one.quota.key, { version, state: next });
      }
      return { ...one, settle };
    });
    const written = await states.write(writes).catch((error) => {
      for (const { settle } of divided) settle?.("unknown");
      throw error;
    });
    for (const { quota, system, settle } of divided) {
      const isWritten = !writes.has(quota.key) || written.has(quota.key);
      settle?.(isWritten ? "written" : "refused");
      admission.serve([quota, system.circuit]);
    }
    return written.size === writes.size;
  }

  /** What all nodes are to know, and how this one takes what it was granted by that. */
  #divide(
    { system, quota }: Unsettled,
    state: SharedState,
  ): {
    readonly next: SharedState;
    readonly settle?: (outcome: "written" | "refused" | "unknown") => void;
  } {
    const { runtime, incarnation: me, live } = this.deps;
    const circuit = quota.key === system.name
      ? this.#newerChange(system, state.circuit)
      : undefined;
    const next = circuit === undefined ? {} : { circuit };
    const { limit } = quota;
    if (limit === undefined) return { next: { ...state, ...next } };
    const nowMs = runtime.now();
    const { report, settle } = quota.report((ms) => nowMs - (runtime.monotonic() - ms));
    const shared = state.limit ?? newSharedLimit(limit, nowMs);
    const divided = divide({ limit, shared, live: live(), me, report, nowMs });
    return {
      next: { ...state, ...next, limit: divided.shared },
      settle: (outcome) => settle(outcome, divided.granted),
    };
  }

  /** Which came later: what this node found of the circuit, or what another did, which it follows. */
  #newerChange(
    system: SystemLimits,
    theirs: CircuitChange | undefined,
  ): CircuitChange | undefined {
    const ours = system.circuitChange;
    const isTheirs = theirs !== undefined && theirs.atMs > (ours?.atMs ?? -Infinity) &&
      theirs.atMs > this.deps.runtime.now() - CIRCUIT_MS_MAX;
    if (isTheirs) system.follow(theirs);
    return isTheirs ? theirs : ours;
  }
}
