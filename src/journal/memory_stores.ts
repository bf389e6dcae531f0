/** Small tables in memory: the same ports without Postgres, for tests and simulation. */

import { canaryOn } from "../core/canary.ts";
import { TaskerError } from "../core/errors.ts";
import type {
  Attendance,
  Attended,
  Definitions,
  NewOverlay,
  Policies,
  PolicyOverlay,
  SharedStates,
  StatisticsMerging,
  StatisticsQuery,
  StatisticsStore,
  VersionedState,
} from "../core/ports.ts";
import { type Definition, workflowName } from "../core/workflow.ts";
import type { StatisticsCell, StatisticsRow } from "../core/statistics.ts";
import {
  dueTiers,
  INTERVAL_MS,
  mergeRows,
  StatisticsAnswer,
  type TieredRow,
} from "../core/statistics_tiers.ts";
import { policyConflict } from "./policies.ts";

/** The Definitions port in memory. */
export class MemoryDefinitions implements Definitions {
  readonly #bodies = new Map<string, Definition>();
  readonly #versions = new Map<string, string>();

  put(hash: string, definition: Definition): Promise<void> {
    const version = `${workflowName(definition)}@${definition.version}`;
    const kept = this.#versions.get(version) ?? hash;
    if (kept !== hash) {
      throw new TaskerError(
        "definition.changed",
        `Cannot store "${version}": this version is stored with another definition; use a new version`,
      );
    }
    this.#versions.set(version, hash);
    this.#bodies.set(hash, definition);
    return Promise.resolve();
  }

  get(hash: string): Promise<Definition | undefined> {
    return Promise.resolve(this.#bodies.get(hash));
  }

  list(): Promise<readonly { hash: string; definition: Definition }[]> {
    return Promise.resolve([...this.#bodies].map(([hash, definition]) => ({ hash, definition })));
  }
}

/** The Policies port in memory. */
export class MemoryPolicies implements Policies {
  readonly #overlays = new Map<string, PolicyOverlay[]>();

  versions(namespace: string, workflow: string): Promise<readonly PolicyOverlay[]> {
    return Promise.resolve(this.#overlays.get(`${namespace}/${workflow}`) ?? []);
  }

  newest(): Promise<ReadonlyMap<string, PolicyOverlay>> {
    const newest = [...this.#overlays].flatMap(([name, all]) => {
      const last = all.at(-1);
      return last === undefined ? [] : [[name, last] as const];
    });
    return Promise.resolve(new Map(newest));
  }

  put(
    namespace: string,
    workflow: string,
    overlay: NewOverlay,
    expectedVersion?: number,
  ): Promise<PolicyOverlay> {
    const name = `${namespace}/${workflow}`;
    const all = this.#overlays.get(name) ?? [];
    if (expectedVersion !== undefined && expectedVersion !== all.length) {
      return Promise.reject(policyConflict(namespace, workflow, expectedVersion, all.length));
    }
    return Promise.try(() => {
      const canary = canaryOn(all.at(-1), overlay, name);
      const { canary: _, ...more } = overlay;
      const next = { ...more, version: all.length + 1, ...(canary !== undefined && { canary }) };
      this.#overlays.set(name, [...all, next]);
      return next;
    });
  }
}

/** The SharedStates port in memory. */
export class MemorySharedStates implements SharedStates {
  readonly #states = new Map<string, VersionedState>();

  read(keys: readonly string[]): Promise<ReadonlyMap<string, VersionedState>> {
    const known = keys.flatMap((key) => {
      const state = this.#states.get(key);
      return state === undefined ? [] : [[key, state] as const];
    });
    return Promise.resolve(new Map(known));
  }

  write(states: ReadonlyMap<string, VersionedState>): Promise<ReadonlySet<string>> {
    const written = [...states].filter(([key, { version }]) =>
      (this.#states.get(key)?.version ?? 0) === version
    );
    for (const [key, { version, state }] of written) {
      this.#states.set(key, { version: version + 1, state });
    }
    return Promise.resolve(new Set(written.map(([key]) => key)));
  }
}

/** The Attendance port in memory. */
export class MemoryAttendance implements Attendance {
  #spans: Attended[] = [];

  note({ nowMs, gapMs, sinceMs }: Parameters<Attendance["note"]>[0]): Promise<Attended[]> {
    const last = this.#spans.at(-1);
    const fromMs = last !== undefined && last.untilMs >= nowMs - gapMs ? last.fromMs : nowMs;
    this.#spans = this.#spans.filter((span) => span.fromMs !== fromMs);
    this.#spans.push({ fromMs, untilMs: Math.max(nowMs, last?.untilMs ?? 0) });
    return Promise.resolve(this.#spans.filter(({ untilMs }) => untilMs >= sinceMs));
  }
}

/** The StatisticsStore port in memory, for one node. */
export class MemoryStatistics implements StatisticsStore {
  #rows: TieredRow[] = [];
  #written = -1;

  write(number: number, rows: readonly StatisticsRow[]): Promise<void> {
    if (number > this.#written) {
      this.#rows.push(...rows.map((row) => ({ ...row, everyMs: INTERVAL_MS })));
    }
    this.#written = Math.max(this.#written, number);
    return Promise.resolve();
  }

  active({ sinceMs, untilMs }: Parameters<StatisticsStore["active"]>[0]) {
    const rows = this.#rows.filter(({ ofSteps, fromMs }) =>
      !ofSteps && fromMs >= sinceMs && fromMs < untilMs
    );
    return Promise.resolve([...new Set(rows.map(({ workflow }) => workflow))]);
  }

  read(query: StatisticsQuery): Promise<readonly StatisticsCell[]> {
    const { workflow, sinceMs, untilMs } = query;
    const answer = new StatisticsAnswer(query);
    for (const row of this.#rows) {
      const isWanted = workflow === undefined ? !row.ofSteps : row.workflow === workflow;
      if (isWanted && row.fromMs >= sinceMs && row.fromMs < untilMs) answer.add(row);
    }
    return Promise.resolve(answer.cells());
  }

  merge({ nowMs, retentionMs, isMine }: StatisticsMerging): Promise<void> {
    const mine = (row: TieredRow) => isMine?.(row.workflow) ?? true;
    for (const { everyMs, beforeMs } of dueTiers(nowMs)) {
      const isDue = (row: TieredRow) =>
        mine(row) && row.everyMs === everyMs && row.fromMs < beforeMs;
      const due = this.#rows.filter(isDue);
      if (due.length === 0) continue;
      this.#rows = [...this.#rows.filter((row) => !isDue(row)), ...mergeRows(due)];
    }
    this.#rows = this.#rows.filter((row) => !mine(row) || row.fromMs >= nowMs - retentionMs);
    return Promise.resolve();
  }
}
