/** The audit in memory. */

import { firstIdAt } from "../../src/core/ids.ts";
import type { Audit, AuditFilter, AuditPage, AuditRow } from "../../src/core/ports.ts";

/** The Audit port in memory. */
export class MemoryAudit implements Audit {
  #rows: AuditRow[] = [];

  add(rows: readonly AuditRow[]): Promise<void> {
    const known = new Set(this.#rows.map(({ id }) => id));
    this.#rows.push(...rows.filter(({ id }) => !known.has(id)));
    return Promise.resolve();
  }

  list(filter: AuditFilter, limit: number): Promise<AuditPage> {
    const { keyId, operation, target, outcome, sinceMs = 0, before } = filter;
    const found = this.#rows.filter((row) =>
      row.id >= firstIdAt(sinceMs) &&
      (before === undefined || row.id < before) &&
      (keyId === undefined || row.keyId === keyId) &&
      (operation === undefined || row.operation === operation) &&
      (target === undefined || row.target === target || row.target.startsWith(`${target} `)) &&
      (outcome === undefined || row.outcome === outcome)
    ).toSorted((one, other) => one.id < other.id ? 1 : -1);
    const rows = found.slice(0, limit);
    const last = rows.at(-1);
    const isMore = last !== undefined && found.length > limit;
    return Promise.resolve({ rows, ...(isMore && { next: last.id }) });
  }

  removeOld(beforeMs: number): Promise<boolean> {
    this.#rows = this.#rows.filter(({ id }) => id >= firstIdAt(beforeMs));
    return Promise.resolve(false);
  }
}
