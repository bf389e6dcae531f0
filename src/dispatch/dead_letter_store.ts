/** Dead letters: stores envelopes that could not be used, and informs the system they came from. */

import { deadChannel } from "../core/channels.ts";
import { type Envelope } from "../core/envelope.ts";
import { messageOf } from "../core/errors.ts";
import type { Bus, DeadLetters, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Type of the copy that a system finds in its dead channel. */
const ENVELOPE_DEAD = "tasker.envelope.dead";

/** Letters stored for one channel in a minute: a flood of bad envelopes must not fill the database. */
export const LETTERS_PER_MINUTE_MAX = 600;

/** Characters of a body that are stored; a valid envelope is far shorter. */
export const LETTER_LENGTH_MAX = 256 * 1024;

/** Characters of a body that go into the copy, so that the copy is an envelope, too. */
export const COPY_LENGTH_MAX = 8 * 1024;

/** Characters of a reason that are stored: it may list every wrong field of a body. */
export const REASON_LENGTH_MAX = 2_000;

const MINUTE_MS = 60_000;

/** What storing dead letters needs. */
interface DeadLetterStoreDeps {
  readonly runtime: Pick<Runtime, "now">;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "publish">;
  readonly dead: Pick<DeadLetters, "add">;
  /** Begins the name of every channel. */
  readonly prefix: string;
  /** Names this installation in `source`. */
  readonly deployment: string;
}

/** One envelope that could not be used. */
export interface Unusable {
  readonly system: string;
  readonly channel: string;
  /** As it arrived, whether it is an envelope or not. */
  readonly body: string;
  /** The label of the metric: one of a few values. */
  readonly word: string;
  /** For people. */
  readonly reason: string;
}

/** Letters of one minute of one channel. */
interface Minute {
  readonly number: number;
  count: number;
}

/** Stores each dead letter as a row, and publishes a copy to the dead channel of its system. */
export class DeadLetterStore {
  /** By channel. */
  readonly #minutes = new Map<string, Minute>();

  constructor(readonly deps: DeadLetterStoreDeps) {}

  /**
   * Stores an envelope. Only the row counts; a copy that cannot be published is left out.
   *
   * @throws {TaskerError} journal.unavailable: the envelope has to be delivered again
   */
  async keep(unusable: Unusable): Promise<Handled> {
    const { channel, word } = unusable;
    const reason = unusable.reason.slice(0, REASON_LENGTH_MAX);
    const { log, metrics } = this.deps;
    const minute = this.#minuteOf(channel);
    if (++minute.count <= LETTERS_PER_MINUTE_MAX) {
      const id = await this.#add({ ...unusable, reason }, minute);
      log.warn("An envelope could not be used", { channel, reason, letter: id });
      await this.#copy({ ...unusable, reason }, id);
    } else if (minute.count === LETTERS_PER_MINUTE_MAX + 1) {
      log.warn("Too many dead letters: the rest of this minute is only counted", {
        channel,
        lettersMax: LETTERS_PER_MINUTE_MAX,
      });
    }
    metrics.counter("tasker_dead_letters_total", word).add();
    return { kind: "dead", reason };
  }

  async #add({ channel, reason, body }: Unusable, minute: Minute): Promise<string> {
    const { dead, runtime } = this.deps;
    const kept = body.slice(0, LETTER_LENGTH_MAX);
    try {
      return await dead.add({ channel, reason, body: kept, atMs: runtime.now() });
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

  async #copy({ system, channel, body, reason }: Unusable, id: string): Promise<void> {
    const { bus, prefix, deployment, runtime, log } = this.deps;
    const copy: Envelope = {
      specversion: "1.0",
      id,
      source: `/tasker/${deployment}`,
      type: ENVELOPE_DEAD,
      time: new Date(runtime.now()).toISOString(),
      datacontenttype: "application/json",
      data: { channel, reason, body: body.slice(0, COPY_LENGTH_MAX) },
    };
    try {
      await bus.publish(deadChannel(prefix, system), [copy]);
    } catch (error) {
      log.warn("Cannot publish the copy of a dead letter", { letter: id, error: messageOf(error) });
    }
  }
}
