/** The audit: a row for each call that may change something, of whatever client. */

import { exponentialMs, wait } from "../core/backoff.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { mintedAtMs, mintTaskId, type TaskId } from "../core/ids.ts";
import type { Audit, AuditRow, Runtime } from "../core/ports.ts";
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

/** The shortest time between two statements, in milliseconds: a burst is written together. */
const REST_MS = 200;

/** The delay before a statement is tried again. */
const RETRY = { minMs: 200, maxMs: 5_000 };

/** Calls of one millisecond that keep their order: 12 bits of an id. */
const NUMBERS = 4_096;

/** Characters of a text in a row. */
const TEXT_LENGTH_MAX = 256;

type Fields = Readonly<Record<string, unknown>>;

/** A call that is under way. */
interface AuditedCall {
  readonly operation: Operation & { readonly audit: AuditHint };
  readonly caller: Caller;
  readonly request: Request;
  /** Carries when it came, and in what order. */
  readonly id: string;
  /** Its fields, as far as they are known. */
  input: Fields;
}

/**
 * Keeps the rows until they are written. A call does not wait for its row; a process that is killed
 * loses those of its last moments, whose changes the journal and the histories have nevertheless.
 *
 * Cost: about 15 µs a call, and a statement for many of them.
 */
export class AuditTrail {
  #waiting: AuditRow[] = [];
  #writing: Promise<void> | undefined;
  #isOver = false;
  #number = 0;

  constructor(
    private readonly deps: {
      readonly audit: Audit;
      readonly runtime: Pick<Runtime, "now" | "after" | "uuid">;
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

  /** Ends a call with what it answered. */
  answered(call: AuditedCall | undefined, { body }: ApiAnswer): void {
    if (call === undefined) return;
    const answer = typeof body === "object" && body !== null ? body as Fields : {};
    const isDryRun = call.input.dryRun === true;
    const isSame = answer.changed === false || answer.outcome === "unchanged";
    const { undo } = call.operation.audit;
    const fields = { ...answer, ...call.input };
    this.#add(call, {
      target: targetOf(call, fields),
      outcome: isSame ? "unchanged" : "done",
      ...(undo !== undefined && !isDryRun && !isSame && whole(undo, fields)),
    });
  }

  /** Ends a call with what it threw. */
  failed(call: AuditedCall | undefined, thrown: unknown): void {
    if (call === undefined) return;
    const outcome = operatingError(thrown).code;
    this.#add(call, { target: targetOf(call, call.input), outcome });
  }

  /** Writes what waits, once more if need be, and takes no more. */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.#writing;
    if (this.#waiting.length > 0) await this.#write();
    if (this.#waiting.length === 0) return;
    this.deps.log.error("Rows of the audit are lost", { rows: this.#waiting.length });
  }

  #add(
    { id, operation, caller, request, input }: AuditedCall,
    rest: Pick<AuditRow, "target" | "outcome" | "undo">,
  ): void {
    const by = typeof input.by === "string" ? input.by : undefined;
    this.#waiting.push({
      id,
      keyId: caller.keyId,
      by: shown(caller.signature(by)),
      agent: shown(request.headers.get("user-agent") ?? ""),
      operation: operation.name,
      scope: operation.right,
      ...rest,
      isDryRun: input.dryRun === true,
    });
    this.#writing ??= this.#writeAll().finally(() => this.#writing = undefined);
  }

  async #writeAll(): Promise<void> {
    for (let failures = 0; this.#waiting.length > 0 && !this.#isOver;) {
      await wait(this.deps.runtime, failures === 0 ? REST_MS : exponentialMs(failures, RETRY));
      failures = await this.#write() ? 0 : failures + 1;
    }
  }

  /** Rows have their ids before they are sent, so one whose answer was lost is not there twice. */
  async #write(): Promise<boolean> {
    const rows = this.#waiting.slice(0, ROWS_AT_ONCE);
    try {
      await this.deps.audit.add(rows);
      this.#waiting = this.#waiting.slice(rows.length);
      return true;
    } catch (error) {
      const { length: waiting } = this.#waiting;
      this.deps.log.warn("Cannot write the audit; trying again", {
        waiting,
        error: messageOf(error),
      });
      return false;
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
