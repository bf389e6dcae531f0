/** The audit: a row for each call that may change something, of whatever client. */

import { exponentialMs, wait } from "../core/backoff.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { mintedAtMs, mintTaskId, type TaskId } from "../core/ids.ts";
import type { Audit, AuditRow, Cancel, Runtime } from "../core/ports.ts";
import type { AUDIT } from "../operations/audit.ts";
import type { AuditHint, Operation } from "../operations/operation.ts";
import { timeText } from "../operations/schema.ts";
import type { Log } from "../telemetry/log.ts";
import type { Caller } from "./access.ts";
import type { ApiAnswer, Handlers, Services } from "./handler.ts";
import { operatingError } from "./response.ts";

/** Rows that wait to be written. With more of them, calls that would add one are refused. */
const ROWS_MAX = 10_000;

/** Rows of one statement. */
const ROWS_AT_ONCE = 1_000;

/** The delay before a statement is tried again. */
const RETRY = { minMs: 200, maxMs: 5_000 };

/** How long a call waits for its row while statements fail, in milliseconds. */
const WAIT_MS_MAX = 10_000;

/** Calls of one millisecond that keep their order: 12 bits of an id. */
const NUMBERS = 4_096;

/**
 * Rows of one minute for refused calls of an operation that anybody may use, such as a sign-in with a
 * wrong key; the others are counted in its next row. If none comes within the minute, the last of them
 * gets a row. Each operation has its own: a flood of one hides none of another.
 */
const OPEN_REFUSALS_MAX = 10;
const OPEN_REFUSALS_MS = 60_000;

/** Characters of a text in a row. */
const TEXT_LENGTH_MAX = 256;

type Fields = Readonly<Record<string, unknown>>;

/** A call that is under way. */
export interface AuditedCall {
  readonly operation: Operation & { readonly audit: AuditHint };
  readonly caller: Caller;
  readonly request: Request;
  /** Carries when it came, and in what order. */
  readonly id: string;
  /** Its fields, as far as they are known. */
  input: Fields;
}

/** Refused calls of an operation that needs no key. */
interface Refusals {
  /** When this minute began, and its calls. */
  sinceMs: number;
  count: number;
  /** Those that have no row: how many, the last one, and what writes it when the minute is over. */
  unwritten: number;
  last: { readonly call: AuditedCall; readonly outcome: string } | undefined;
  cancelTail: Cancel | undefined;
}

/** A row that is not written yet. */
interface WaitingRow {
  readonly row: AuditRow;
  readonly sinceMs: number;
  /** Answers the call that waits for it; the row stays when the call goes away without it. */
  readonly written: PromiseWithResolvers<void> | undefined;
}

/**
 * Writes the rows, and keeps them until they are written. A call that succeeded is answered after its
 * row is there, so a process that is killed loses none that was acknowledged; one that was refused
 * changed nothing, and does not wait.
 *
 * Cost: one statement is under way, and rows that come meanwhile are the next: a call waits for one
 * commit or two.
 */
export class AuditTrail {
  #waiting: WaitingRow[] = [];
  #writing: Promise<void> | undefined;
  #isOver = false;
  #number = 0;
  /** By name of an operation that needs no key. */
  readonly #refusals = new Map<string, Refusals>();

  constructor(
    private readonly deps: {
      readonly audit: Audit;
      readonly runtime: Pick<Runtime, "now" | "monotonic" | "after" | "uuid">;
      readonly log: Log;
    },
  ) {}

  /**
   * Begins a call; undefined: it is not of those that are kept.
   *
   * @throws {TaskerError} journal.unavailable when too many rows wait
   */
  begin(operation: Operation, caller: Caller, request: Request): AuditedCall | undefined {
    if (!isAudited(operation)) return undefined;
    if (this.#waiting.length >= ROWS_MAX) {
      throw new TaskerError(
        "journal.unavailable",
        `Cannot take the call: ${ROWS_MAX} rows of the audit wait to be written`,
      );
    }
    const { runtime } = this.deps;
    this.#number = (this.#number + 1) % NUMBERS;
    const id = mintTaskId(runtime.now(), this.#number, runtime.uuid());
    return { id, operation, caller, request, input: {} };
  }

  /**
   * Ends a call with what it answered; resolves when its row is written.
   *
   * @throws {TaskerError} journal.unavailable when the database does not take it; it is tried again
   */
  async answered(call: AuditedCall | undefined, { body, signIn }: ApiAnswer): Promise<void> {
    if (call === undefined) return;
    if (signIn !== undefined && "refusal" in signIn) return this.#refused(call, signIn.refusal);
    const answer = typeof body === "object" && body !== null ? body as Fields : {};
    const isDryRun = call.input.dryRun === true;
    const isSame = answer.changed === false || answer.outcome === "unchanged";
    const { undo } = call.operation.audit;
    const fields = { ...answer, ...call.input };
    const written = Promise.withResolvers<void>();
    this.#add({ ...call, ...signIn }, {
      target: targetOf(call, fields),
      outcome: isSame ? "unchanged" : "done",
      ...(undo !== undefined && !isDryRun && !isSame && whole(undo, fields)),
    }, written);
    await written.promise;
  }

  /** Ends a call with what it threw. */
  failed(call: AuditedCall | undefined, thrown: unknown): void {
    if (call === undefined) return;
    this.#refused(call, operatingError(thrown).code);
  }

  #refused(call: AuditedCall, outcome: string): void {
    const { name, right } = call.operation;
    const { runtime } = this.deps;
    const refusals = right === "open" ? this.#refusalsOf(name, runtime.monotonic()) : undefined;
    if (refusals === undefined || ++refusals.count <= OPEN_REFUSALS_MAX) {
      return this.#add(call, { target: targetOf(call, call.input), outcome });
    }
    refusals.unwritten++;
    refusals.last = { call, outcome };
    const endMs = refusals.sinceMs + OPEN_REFUSALS_MS - runtime.monotonic();
    refusals.cancelTail ??= runtime.after(endMs, () => this.#writeTail(refusals));
  }

  /** Writes the last refused call that has no row: it says how many more there were. */
  #writeTail(refusals: Refusals): void {
    refusals.cancelTail?.();
    refusals.cancelTail = undefined;
    const { last } = refusals;
    if (last === undefined) return;
    refusals.unwritten--;
    this.#add(last.call, { target: targetOf(last.call, last.call.input), outcome: last.outcome });
  }

  /** Refused calls of this minute. */
  #refusalsOf(name: string, nowMs: number): Refusals {
    let refusals = this.#refusals.get(name);
    if (refusals === undefined) {
      refusals = { sinceMs: nowMs, count: 0, unwritten: 0, last: undefined, cancelTail: undefined };
      this.#refusals.set(name, refusals);
    }
    const isOver = nowMs - refusals.sinceMs >= OPEN_REFUSALS_MS;
    if (isOver) Object.assign(refusals, { sinceMs: nowMs, count: 0 });
    return refusals;
  }

  /** What is said of refused calls that have no row: once, and as few words as that takes. */
  #moreRefused({ name }: Operation): string {
    const refusals = this.#refusals.get(name);
    const count = refusals?.unwritten ?? 0;
    if (refusals !== undefined) Object.assign(refusals, { unwritten: 0, last: undefined });
    return count === 0 ? "" : ` (before it, ${count} more were refused)`;
  }

  /** Writes what waits, once more if need be, and takes no more. */
  async close(): Promise<void> {
    for (const refusals of this.#refusals.values()) this.#writeTail(refusals);
    this.#isOver = true;
    await this.#writing;
    if (this.#waiting.length > 0) await this.#write();
    if (this.#waiting.length === 0) return;
    this.#dismiss(Infinity);
    this.deps.log.error("Rows of the audit are lost", { rows: this.#waiting.length });
  }

  #add(
    { id, operation, caller, request, input }: AuditedCall,
    rest: Pick<AuditRow, "target" | "outcome" | "undo">,
    written?: PromiseWithResolvers<void>,
  ): void {
    const by = typeof input.by === "string" ? input.by : undefined;
    const row = {
      id,
      keyId: caller.keyId,
      by: shown(caller.signature(by)),
      agent: shown(request.headers.get("user-agent") ?? ""),
      operation: operation.name,
      scope: operation.right,
      ...rest,
      target: rest.target + this.#moreRefused(operation),
      isDryRun: input.dryRun === true,
    };
    this.#waiting.push({ row, sinceMs: this.deps.runtime.monotonic(), written });
    this.#writing ??= this.#writeAll().finally(() => this.#writing = undefined);
  }

  async #writeAll(): Promise<void> {
    for (let failures = 0; this.#waiting.length > 0 && !this.#isOver;) {
      failures = await this.#write() ? 0 : failures + 1;
      if (failures > 0) await wait(this.deps.runtime, exponentialMs(failures, RETRY));
    }
  }

  /** Rows have their ids before they are sent, so one whose answer was lost is not there twice. */
  async #write(): Promise<boolean> {
    const sent = this.#waiting.slice(0, ROWS_AT_ONCE);
    try {
      await this.deps.audit.add(sent.map(({ row }) => row));
      this.#waiting = this.#waiting.slice(sent.length);
      for (const { written } of sent) written?.resolve();
      return true;
    } catch (error) {
      const { length: waiting } = this.#waiting;
      this.deps.log.warn("Cannot write the audit; trying again", {
        waiting,
        error: messageOf(error),
      });
      this.#dismiss(this.deps.runtime.monotonic() - WAIT_MS_MAX);
      return false;
    }
  }

  /** Answers calls that have waited since before a time; their rows stay. */
  #dismiss(beforeMs: number): void {
    const late = this.#waiting.filter(({ sinceMs }) => sinceMs <= beforeMs);
    for (const { written } of late) {
      written?.reject(
        new TaskerError(
          "journal.unavailable",
          "Cannot acknowledge the call: its row of the audit is not written. It has been done",
        ),
      );
    }
  }
}

function isAudited(operation: Operation): operation is AuditedCall["operation"] {
  return operation.audit !== undefined;
}

/** What a call is about; one that could not be read is about its path. */
function targetOf({ operation, request }: AuditedCall, fields: Fields): string {
  const filled = operation.audit.target.replaceAll(FIELD, (_, name) => textOf(fields[name]) ?? "");
  return shown(filled.replace(/^[\s/]+|[\s/]+$/g, "") || new URL(request.url).pathname);
}

/** A command is of use only if all of it is known. */
function whole(undo: string, fields: Fields): { readonly undo?: string } {
  const isWhole = [...undo.matchAll(FIELD)].every(([, name = ""]) =>
    textOf(fields[name]) !== undefined
  );
  return isWhole
    ? { undo: shown(undo.replaceAll(FIELD, (_, name) => textOf(fields[name]) ?? "")) }
    : {};
}

/** A field in a text of the table. */
const FIELD = /\{(\w+)\}/g;

function textOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return String(value.length);
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

/** Postgres holds no U+0000, and a terminal obeys control characters. */
function shown(text: string): string {
  const cut = text.length > TEXT_LENGTH_MAX ? text.slice(0, TEXT_LENGTH_MAX) : text;
  return /^[ -~]*$/.test(cut) ? cut : cut.replaceAll(/\p{Cc}|\p{Cf}|\p{Cs}/gu, "�");
}

/** Handlers of everything that reads the audit. */
export function auditHandlers({ audit }: Services): Handlers<typeof AUDIT> {
  return {
    async listAudit({ key, operation, target, outcome, since, limit, cursor }, { caller }) {
      caller.demandEverything("the audit");
      const { rows, next } = await audit.list({
        ...(key !== undefined && { keyId: key }),
        ...(operation !== undefined && { operation }),
        ...(target !== undefined && { target }),
        ...(outcome !== undefined && { outcome }),
        ...(since !== undefined && { sinceMs: Date.parse(since) }),
        ...(cursor !== undefined && { before: cursor }),
      }, limit);
      const calls = rows.map(({ id, ...row }) => ({
        at: timeText(mintedAtMs(id as TaskId)),
        ...row,
      }));
      return { status: 200, body: { calls, ...(next !== undefined && { nextCursor: next }) } };
    },
  };
}
