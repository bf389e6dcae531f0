/** Faults: what is wrong with a definition, and where. All of them are reported at once. */

import { type ErrorCode, type Fault, TaskerError } from "../core/errors.ts";
import { nearestOf } from "../core/nearest.ts";
import type { Locate, Position } from "../core/workflow_module.ts";

/** A fault and its place in a source file, where that is known. */
export interface PlacedFault extends Fault {
  readonly at: Position | undefined;
  /** The name that was probably meant. */
  readonly near?: string;
}

/** Where a fault is: its path in the definition, and how to find it in the source. */
export interface Place {
  readonly path: string;
  readonly at: Locate;
}

/** More faults than this are counted, not shown: the first ones often cause the rest. */
const FAULTS_SHOWN_MAX = 50;

/** Collects faults. */
export class Faults {
  readonly #faults = new Map<string, PlacedFault>();

  /** Adds a fault, unless the same one is there already. */
  add({ path, at }: Place, code: string, detail: string): void {
    this.#put({ path, code, detail, at: at() });
  }

  /** Adds a field that nobody reads, with the one of `known` that was probably meant. */
  addUnknown({ path, at }: Place, key: string, known: readonly string[]): void {
    const near = this.#isFew ? nearestOf(key, known) : undefined;
    const detail = `is not a known field${meant(near)}`;
    this.#put({ path, code: "unknown_field", detail, at: at(), ...(near && { near }) });
  }

  /** As `suggest`, while the faults are few: those that are not shown need none. */
  suggest(name: string, names: Iterable<string>): string {
    return this.#isFew ? suggest(name, names) : "";
  }

  get #isFew(): boolean {
    return this.#faults.size < FAULTS_SHOWN_MAX;
  }

  /**
   * Adds the faults that an error carries.
   *
   * @throws the error itself when it is about something else
   */
  addAll(thrown: unknown): void {
    if (!(thrown instanceof TaskerError) || thrown.faults.length === 0) throw thrown;
    for (const fault of thrown.faults) this.#put({ at: undefined, ...fault });
  }

  /** Adds the faults that somebody else collected. */
  join(others: Faults): void {
    for (const fault of others.list) this.#put(fault);
  }

  #put(fault: PlacedFault): void {
    const { path, code, detail, at } = fault;
    this.#faults.set([at?.file, path, code, detail].join("\n"), fault);
  }

  get list(): readonly PlacedFault[] {
    return [...this.#faults.values()].sort(byPlace);
  }

  /** Returns the same faults with file names relative to `base`. */
  relativeTo(base: string | undefined): Faults {
    if (base === undefined) return this;
    const faults = new Faults();
    for (const fault of this.list) {
      const { at } = fault;
      const isBelow = at?.file.startsWith(base) ?? false;
      const shown = isBelow && at ? { ...at, file: at.file.slice(base.length) } : at;
      faults.#put({ ...fault, at: shown });
    }
    return faults;
  }

  /**
   * Throws when there is any fault.
   *
   * @throws {TaskerError} of this code, with all faults and one line for each
   */
  demandNone(what: string, code?: ErrorCode): void {
    if (this.#faults.size > 0) throw this.toError(what, code);
  }

  /** Makes the error that carries all faults. */
  toError(what: string, code: ErrorCode = "definition.invalid"): TaskerError {
    const faults = this.list;
    const count = `${faults.length} ${faults.length === 1 ? "fault" : "faults"}`;
    const lines = faults.slice(0, FAULTS_SHOWN_MAX).map((fault) => `  ${describe(fault)}`);
    const rest = faults.length - lines.length;
    if (rest > 0) lines.push(`  … and ${rest} more`);
    const message = `Cannot load ${what}: found ${count}\n${lines.join("\n")}`;
    return new TaskerError(code, message, { faults });
  }
}

/** By line and column in a file; files stay in the order of their first fault. */
function byPlace({ at: a }: PlacedFault, { at: b }: PlacedFault): number {
  if (a === undefined || b === undefined || a.file !== b.file) return 0;
  return a.line - b.line || a.column - b.column;
}

/** One line: place, path and what is wrong, in a form that editors and terminals can follow. */
function describe({ at, path, detail }: PlacedFault): string {
  const place = at === undefined ? "" : `${at.file}:${at.line}:${at.column} `;
  return path === "" ? `${place}${detail}` : `${place}${path}: ${detail}`;
}

/** Returns `, did you mean "…"` for the nearest of the names, or nothing when none is near. */
export function suggest(name: string, names: Iterable<string>): string {
  return meant(nearestOf(name, names));
}

function meant(name: string | undefined): string {
  return name === undefined ? "" : `, did you mean "${name}"`;
}
