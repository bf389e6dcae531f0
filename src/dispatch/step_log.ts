/**
 * Step log: what step code logs, on its way to where it is kept with the attempt. It never holds code
 * up: what is too much is left out, and counted.
 */

import { Batcher } from "../core/batcher.ts";
import { messageOf } from "../core/errors.ts";
import type { Runtime, StepLine, StepLogs } from "../core/ports.ts";
import { redactText } from "../core/redaction.ts";
import type { Log } from "../telemetry/log.ts";
import type { Loggable } from "../telemetry/redact.ts";

/** Characters of one line, and of its fields. */
const LINE_SIZE_MAX = 1_000;
const FIELDS_SIZE_MAX = 2_000;

/** What is kept of one attempt: lines, and characters of all of them. */
const LINES_MAX = 500;
const ATTEMPT_SIZE_MAX = 64 * 1024;

/** Characters that wait to be written on this node; then lines are left out until some are. */
const WAITING_SIZE_MAX = 4 * 1024 * 1024;

/** Lines are written together this often, in ms. */
const WRITE_REST_MS = 500;
const WRITE_SIZE_MAX = 256 * 1024;

/** What writing needs. */
interface StepLogDeps {
  readonly runtime: Pick<Runtime, "now" | "after" | "monotonic">;
  readonly logs: StepLogs;
  readonly log: Log;
}

/** The lines of attempts of this node that are not written yet. */
export class StepLog {
  readonly #batcher: Batcher<StepLine>;
  #waiting = 0;

  constructor(readonly deps: StepLogDeps) {
    this.#batcher = new Batcher<StepLine>({
      runtime: deps.runtime,
      restMs: WRITE_REST_MS,
      sizeOf,
      sizeMax: WRITE_SIZE_MAX,
      send: (lines) => deps.logs.add(lines),
    });
  }

  /** Opens the log of one attempt. */
  attempt(of: Pick<StepLine, "taskId" | "step" | "attempt">): AttemptLog {
    let [number, size, dropped] = [0, 0, 0];
    return {
      add: (text, fields) => {
        const isFull = number >= LINES_MAX || size >= ATTEMPT_SIZE_MAX ||
          this.#waiting >= WAITING_SIZE_MAX;
        if (!isFull) {
          const line = this.#lineOf(text, fields);
          size += sizeOf(line);
          return this.#put({ ...of, ...line, number: ++number, dropped: 0 });
        }
        dropped += 1;
      },
      end: () => {
        if (dropped === 0) return;
        const line = { atMs: this.deps.runtime.now(), text: "", fields: "" };
        this.#put({ ...of, ...line, number: number + 1, dropped });
      },
    };
  }

  /** Resolves when all lines were written, or given up. */
  idle(): Promise<void> {
    return this.#batcher.idle();
  }

  #lineOf(text: string, fields: PlainFields | undefined) {
    const shown = fields === undefined ? "" : JSON.stringify(fields);
    return {
      atMs: this.deps.runtime.now(),
      text: kept(text, LINE_SIZE_MAX),
      fields: kept(shown, FIELDS_SIZE_MAX),
    };
  }

  #put(line: StepLine): void {
    const size = sizeOf(line);
    this.#waiting += size;
    this.#batcher.put(line).catch((error) =>
      this.deps.log.warn("Cannot keep log lines of a step; they are left out", {
        taskId: line.taskId,
        error: messageOf(error),
      })
    ).finally(() => this.#waiting -= size);
  }
}

/** The log of one attempt. */
export interface AttemptLog {
  add(text: string, fields?: PlainFields): void;
  /** Notes how much was left out. */
  end(): void;
}

/** Of others' text, what may be shown: without credentials, and no longer than that. */
function kept(text: string, sizeMax: number): string {
  const cut = text.slice(0, sizeMax).replaceAll("\0", "").toWellFormed();
  return redactText(cut).text;
}

/** Fields that JSON can carry. */
export type PlainFields = Readonly<Record<string, Loggable>>;

/** Stands for what cannot be read, or JSON cannot carry. */
const UNSHOWN = "(cannot be shown)";

/**
 * Copies what step code logs, so that what reads it meets no code of the step: a getter that throws, a
 * proxy, a cycle. Only the field in question is replaced; a bigint becomes a text, an error its parts.
 */
export function plainLine(
  text: unknown,
  fields: unknown,
): { readonly text: string; readonly fields: PlainFields | undefined } {
  return { text: orUnshown(() => String(text)), fields: plainFields(fields) };
}

function plainFields(fields: unknown): PlainFields | undefined {
  if (typeof fields !== "object" || fields === null) return undefined;
  const names = orUnshown(() => Object.keys(fields));
  if (typeof names === "string") return { fields: names };
  const entries = names.flatMap((name) => {
    const value = orUnshown(() => plainValue(Reflect.get(fields, name)));
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

/** Undefined: JSON leaves it out. */
function plainValue(value: unknown): Loggable | undefined {
  const text = JSON.stringify(value, (_, inner) => {
    if (typeof inner === "bigint") return String(inner);
    return inner instanceof Error
      ? { name: inner.name, message: inner.message, stack: inner.stack, cause: inner.cause }
      : inner;
  });
  return text === undefined ? undefined : JSON.parse(text);
}

function orUnshown<T>(read: () => T): T | typeof UNSHOWN {
  try {
    return read();
  } catch {
    return UNSHOWN;
  }
}

function sizeOf({ text, fields }: Pick<StepLine, "text" | "fields">): number {
  return text.length + fields.length + 100;
}
