/** Limit shares: reconciles with the other nodes what each may use of the limits of systems. */

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
import type { Quota, SystemAdmission } from "./system_admission.ts";

/** How often shares are reconciled while steps use them. */
const RECONCILE_MS = 1_000;

/** The shortest time between two reconciliations: steps that wait ask for one. */
const REST_MS = 100;

/** What reconciling works with. */
export interface LimitSharesDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly incarnation: Incarnation;
  readonly states: SharedStates;
  readonly admission: NodeAdmission;
  /** Nodes that renew, this one included. */
  live(): readonly Incarnation[];
}

/** What is reconciled under one key. */
interface Reconcilable {
  readonly system: SystemAdmission;
  readonly quota: Quota;
}

/** Circuits that other nodes opened longer ago say nothing any more. */
const CIRCUIT_MS_MAX = 60_000;

/**
 * Reconciles by compare-and-set, once a second while steps use a limit, and soon when one waits.
 *
 * Cost: one read and at most one write each time, whatever the number of steps; nothing while no
 * limit is set and this node is alone.
 */
export class LimitShares {
  #reconciledAtMs = -Infinity;
  #timer: Cancel | undefined;
  #reconciling: Promise<void> | undefined;
  #failures = 0;
  /** When the next start is due of a limit that would lose it until the next time, ms from now. */
  #nextStartMs = Infinity;
  #isStopped = false;

  constructor(readonly deps: LimitSharesDeps) {}

  /** Reconciles soon. */
  ask(soonestMs = 0): void {
    const { runtime } = this.deps;
    if (this.#timer !== undefined || this.#isStopped) return;
    const restMs = REST_MS + exponentialMs(this.#failures, {
      minMs: this.#failures === 0 ? 0 : REST_MS,
      maxMs: RECONCILE_MS,
      random: () => runtime.random(),
    });
    const dueMs = Math.max(soonestMs, this.#reconciledAtMs + restMs - runtime.monotonic());
    this.#timer = runtime.after(dueMs, () => void this.#reconcileAll());
  }

  /** Called with each poll: reconciles if the last time is a while ago. */
  polled(): void {
    this.deps.admission.shareRetries(Math.max(1, this.deps.live().length));
    if (this.deps.runtime.monotonic() - this.#reconciledAtMs >= RECONCILE_MS - REST_MS) this.ask();
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.();
    await this.#reconciling;
  }

  async #reconcileAll(): Promise<void> {
    this.#timer = undefined;
    if (this.#reconciling !== undefined) return;
    this.#reconciledAtMs = this.deps.runtime.monotonic();
    const open = this.#collect();
    if (open.length === 0) return;
    this.#nextStartMs = Infinity;
    this.#reconciling = this.#reconcile(open).then(
      (areAll) => {
        this.#failures = areAll ? 0 : this.#failures + 1;
      },
      (error) => {
        if (this.#failures++ > 0) return;
        const fields = { error: messageOf(error) };
        this.deps.log.warn(
          "Cannot reconcile the limits of systems: steps that need more wait",
          fields,
        );
      },
    ).finally(() => {
      this.#reconciling = undefined;
      if (this.#failures > 0) this.ask();
      else if (this.#nextStartMs < RECONCILE_MS) this.ask(Math.max(REST_MS, this.#nextStartMs));
    });
    await this.#reconciling;
  }

  /** Limits that are used here, or were; and with other nodes about, the circuits of their systems. */
  #collect(): readonly Reconcilable[] {
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
  async #reconcile(open: readonly Reconcilable[]): Promise<boolean> {
    const { states, admission } = this.deps;
    const known = await states.read(open.map(({ quota }) => quota.key));
    const writes = new Map<string, VersionedState>();
    const divided = open.map((one) => {
      const { version, state } = known.get(one.quota.key) ?? { version: 0, state: {} };
      const { next, conclude } = this.#divide(one, state);
      if (JSON.stringify(next) !== JSON.stringify(state)) {
        writes.set(one.quota.key, { version, state: next });
      }
      return { ...one, conclude };
    });
    const written = await states.write(writes).catch((error) => {
      for (const { conclude } of divided) conclude?.("unknown");
      throw error;
    });
    for (const { quota, system, conclude } of divided) {
      const isWritten = !writes.has(quota.key) || written.has(quota.key);
      conclude?.(isWritten ? "written" : "refused");
      admission.serve([quota, system.circuit]);
    }
    return written.size === writes.size;
  }

  /** What all nodes are to know, and how this one takes what it was granted by that. */
  #divide(
    { system, quota }: Reconcilable,
    state: SharedState,
  ): {
    readonly next: SharedState;
    readonly conclude?: (outcome: "written" | "refused" | "unknown") => void;
  } {
    const { runtime, incarnation: me, live } = this.deps;
    const circuit = quota.key === system.name
      ? this.#newerChange(system, state.circuit)
      : undefined;
    const next = circuit === undefined ? {} : { circuit };
    const { limit } = quota;
    if (limit === undefined) return { next: { ...state, ...next } };
    const nowMs = runtime.now();
    const { report, conclude } = quota.report((ms) => nowMs - (runtime.monotonic() - ms));
    const shared = state.limit ?? newSharedLimit(limit, nowMs);
    const divided = divide({ limit, shared, live: live(), me, report, nowMs });
    const { ratePerS, burst = Infinity } = limit;
    // One that keeps no more starts than a second brings loses what comes before anybody takes one.
    if (ratePerS !== undefined && burst <= ratePerS && report.waitsSinceMs !== null) {
      const dueMs = Math.ceil((1 - divided.shared.starts) / ratePerS * 1_000);
      this.#nextStartMs = Math.min(this.#nextStartMs, dueMs);
    }
    return {
      next: { ...state, ...next, limit: divided.shared },
      conclude: (outcome) => conclude(outcome, divided.granted),
    };
  }

  /** Which came later: what this node found of the circuit, or what another did, which it follows. */
  #newerChange(
    system: SystemAdmission,
    theirs: CircuitChange | undefined,
  ): CircuitChange | undefined {
    const ours = system.circuitChange;
    const isTheirs = theirs !== undefined && theirs.atMs > (ours?.atMs ?? -Infinity) &&
      theirs.atMs > this.deps.runtime.now() - CIRCUIT_MS_MAX;
    if (isTheirs) system.follow(theirs);
    return isTheirs ? theirs : ours;
  }
}
