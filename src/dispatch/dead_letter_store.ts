/** Dead letters: stores envelopes that could not be used, up to a number a minute and channel. */

import { ENVELOPE_TEXT_LENGTH_MAX } from "../core/envelope.ts";
import type { DeadLetterKind, DeadLetters, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Letters stored for one channel in a minute: a flood of bad envelopes must not fill the database. */
export const LETTERS_PER_MINUTE_MAX = 600;

/** Characters of a body that are stored; a valid envelope is far shorter. */
export const LETTER_LENGTH_MAX = 256 * 1024;

/** Characters of a reason that are stored: it may list every wrong field of a body. */
export const REASON_LENGTH_MAX = 2_000;

const MINUTE_MS = 60_000;

/** What storing dead letters needs. */
interface DeadLetterStoreDeps {
  readonly runtime: Pick<Runtime, "now">;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly dead: Pick<DeadLetters, "add" | "counts">;
}

/** One envelope that could not be used. */
export interface Unusable {
  readonly system: string;
  readonly kind: DeadLetterKind;
  readonly channel: string;
  /** As it arrived, whether it is an envelope or not. */
  readonly body: string;
  /** How often it was delivered. */
  readonly deliveries: number;
  /** For people. */
  readonly reason: string;
}

/** Letters of one minute of one channel. */
interface Minute {
  readonly number: number;
  count: number;
}

/** Stores each dead letter as a row. */
export class DeadLetterStore {
  /** By channel. */
  readonly #minutes = new Map<string, Minute>();

  constructor(readonly deps: DeadLetterStoreDeps) {}

  /** How many are kept of each system. @throws {TaskerError} journal.unavailable */
  counts(): Promise<ReadonlyMap<string, number>> {
    return this.deps.dead.counts();
  }

  /** How long it is until a channel may store another; 0: it may now. */
  fullForMs(channel: string): number {
    const minute = this.#minuteOf(channel);
    if (minute.count < LETTERS_PER_MINUTE_MAX) return 0;
    return (minute.number + 1) * MINUTE_MS - this.deps.runtime.now();
  }

  /**
   * Stores an envelope; beyond the number of a minute it is only counted.
   *
   * @throws {TaskerError} journal.unavailable: the envelope has to be delivered again
   */
  async keep(unusable: Unusable): Promise<Handled> {
    const { channel, kind } = unusable;
    const reason = unusable.reason.slice(0, REASON_LENGTH_MAX).toWellFormed();
    const { log, metrics } = this.deps;
    const minute = this.#minuteOf(channel);
    if (++minute.count <= LETTERS_PER_MINUTE_MAX) {
      const id = await this.#add({ ...unusable, reason }, minute);
      log.warn("An envelope could not be used", { channel, reason, letter: id });
    } else if (minute.count === LETTERS_PER_MINUTE_MAX + 1) {
      log.warn("Too many dead letters: the rest of this minute is only counted", {
        channel,
        lettersMax: LETTERS_PER_MINUTE_MAX,
      });
    }
    metrics.counter("tasker_dead_letters_total", kind).add();
    return { kind: "dead", reason };
  }

  async #add(unusable: Unusable, minute: Minute): Promise<string> {
    const { dead, runtime } = this.deps;
    const envelopeId = idOf(unusable.body);
    const body = unusable.body.slice(0, LETTER_LENGTH_MAX).toWellFormed();
    try {
      return await dead.add({
        ...unusable,
        body,
        atMs: runtime.now(),
        ...(envelopeId !== undefined && { envelopeId }),
      });
    } catch (error) {
      // It will be delivered again, and must not count twice.
      minute.count--;
      throw error;
    }
  }

  #minuteOf(channel: string): Minute {
    const number = Math.floor(this.deps.runtime.now() / MINUTE_MS);
    const running = this.#minutes.get(channel);
    if (running?.number === number) return running;
    const next = { number, count: 0 };
    this.#minutes.set(channel, next);
    return next;
  }
}

/** Returns the id of what may be an envelope. */
function idOf(body: string): string | undefined {
  if (body.length > LETTER_LENGTH_MAX) return undefined;
  try {
    const id: unknown = JSON.parse(body)?.id;
    return typeof id === "string"
      ? id.slice(0, ENVELOPE_TEXT_LENGTH_MAX).toWellFormed()
      : undefined;
  } catch {
    return undefined;
  }
}
