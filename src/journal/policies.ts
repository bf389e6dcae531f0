/** Policies: versioned overlays, kept for ever. */

import { canaryOn } from "../core/canary.ts";
import { TaskerError } from "../core/errors.ts";
import { SYSTEMS_NAMESPACE } from "../core/policy.ts";
import type { Canary, Database, NewOverlay, Policies, PolicyOverlay } from "../core/ports.ts";
import type { StartLever } from "../core/starts.ts";
import type { Row } from "./pg_connection.ts";

const COLUMNS = `
  namespace, workflow, version, by_whom, reason, steps, canary, starts,
  (extract(epoch from created_at) * 1000)::float8 as at_ms`;

/** How often a lost race for the next version is run again. */
const RACES_MAX = 10;

/** The Policies port over Postgres. */
export class PostgresPolicies implements Policies {
  constructor(readonly database: Database) {}

  async versions(namespace: string, workflow: string): Promise<readonly PolicyOverlay[]> {
    const rows = await this.database.query(
      `select ${COLUMNS}
       from tasker.policy
       where namespace = $1
         and workflow = $2
       order by version`,
      [namespace, workflow],
    );
    return rows.map(overlayOf);
  }

  async newest(): Promise<ReadonlyMap<string, PolicyOverlay>> {
    const rows = await this.database.query(
      `select distinct on (namespace, workflow) ${COLUMNS}
       from tasker.policy
       order by namespace, workflow, version desc`,
    );
    return new Map(rows.map((row) => [`${row.namespace}/${row.workflow}`, overlayOf(row)]));
  }

  async put(
    namespace: string,
    workflow: string,
    overlay: NewOverlay,
    expectedVersion?: number,
  ): Promise<PolicyOverlay> {
    for (let race = 0; race < RACES_MAX; race++) {
      const { canary, expected } = overlay.canary === undefined
        ? { canary: undefined, expected: expectedVersion }
        : await this.#canaryOf(namespace, workflow, overlay, expectedVersion);
      const row = await this.#insert(namespace, workflow, {
        ...overlay,
        ...stored(overlay, canary),
        expected,
      });
      if (row !== undefined) return overlayOf(row);
      if (expectedVersion === undefined) continue;
      const present = (await this.versions(namespace, workflow)).at(-1)?.version ?? 0;
      if (present !== expectedVersion) {
        throw policyConflict(namespace, workflow, expectedVersion, present);
      }
    }
    throw new TaskerError(
      "journal.unavailable",
      `Cannot store the policy of "${namespace}/${workflow}": too many changes at once; try again`,
    );
  }

  /** Adds a version; undefined: another one came first, or it is not the one that was expected. */
  async #insert(
    namespace: string,
    workflow: string,
    { by, reason, atMs, steps, canary, starts, expected }: StoredOverlay,
  ): Promise<Row | undefined> {
    const [row] = await this.database.query(
      `insert into tasker.policy
         (namespace, workflow, version, by_whom, reason, created_at, steps, canary, starts)
       select $1::text, $2::text, coalesce(max(version), 0) + 1, $3::text, $4::text,
         to_timestamp($5::float8 / 1000.0), $6::text::json, $8::text::json, $9::text::json
       from tasker.policy
       where namespace = $1
         and workflow = $2
       having $7::int is null
         or coalesce(max(version), 0) = $7::int
       on conflict do nothing
       returning ${COLUMNS}`,
      [
        namespace,
        workflow,
        by,
        reason,
        atMs,
        steps,
        expected ?? null,
        canary ?? null,
        starts ?? null,
      ],
    );
    return row;
  }

  /** A canary, and the version that it is on. */
  async #canaryOf(
    namespace: string,
    workflow: string,
    overlay: NewOverlay,
    expectedVersion: number | undefined,
  ): Promise<{ readonly canary: Canary | undefined; readonly expected: number }> {
    const newest = (await this.versions(namespace, workflow)).at(-1);
    const present = newest?.version ?? 0;
    if (expectedVersion !== undefined && present !== expectedVersion) {
      throw policyConflict(namespace, workflow, expectedVersion, present);
    }
    const canary = canaryOn(newest, overlay, `${namespace}/${workflow}`);
    return { canary, expected: present };
  }
}

/** An overlay as its row has it, see 0022_canaries.sql; all three are texts of JSON. */
interface StoredOverlay extends Pick<PolicyOverlay, "by" | "reason" | "atMs"> {
  readonly steps: string;
  readonly canary: string | undefined;
  readonly starts: string | undefined;
  readonly expected: number | undefined;
}

/** What a row keeps of a canary. */
interface StoredCanary extends Omit<Canary, "base"> {
  readonly base: number;
  readonly steps: PolicyOverlay["steps"];
}

function stored(
  { steps, starts: lever }: Pick<PolicyOverlay, "steps" | "starts">,
  canary: Canary | undefined,
): Pick<StoredOverlay, "steps" | "canary" | "starts"> {
  const starts = lever && JSON.stringify(lever);
  if (canary === undefined) return { steps: JSON.stringify(steps), canary: undefined, starts };
  const kept: StoredCanary = { ...canary, base: canary.base.version, steps };
  return { steps: JSON.stringify(canary.base.steps), canary: JSON.stringify(kept), starts };
}

function overlayOf(row: Row): PolicyOverlay {
  const kept = row.canary as StoredCanary | null;
  const steps = row.steps as PolicyOverlay["steps"];
  const overlay = {
    version: Number(row.version),
    by: String(row.by_whom),
    reason: String(row.reason),
    atMs: Math.round(Number(row.at_ms)),
    ...(row.starts !== null && { starts: row.starts as StartLever }),
  };
  if (kept === null) return { ...overlay, steps };
  const { percent, salt, base } = kept;
  const canary = { percent, salt, base: { version: base, steps } };
  return { ...overlay, steps: kept.steps, canary };
}

/** Makes the error of a policy that is not at the version which a change was made for. */
export function policyConflict(
  namespace: string,
  name: string,
  expected: number,
  present: number,
): TaskerError {
  const what = namespace === SYSTEMS_NAMESPACE
    ? `the limits of system "${name}"`
    : `the policy of "${namespace}/${name}"`;
  return new TaskerError(
    "policy.conflict",
    `Cannot change ${what}: expected version ${expected}, it is at ${present}`,
  );
}
