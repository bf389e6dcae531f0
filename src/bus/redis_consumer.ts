/** Redis consumer: reads a channel, keeps the leases of what is in hand, and settles it. */

import { messageOf } from "../core/errors.ts";
import type { Cancel, ConsumeOptions, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { Batcher } from "./batcher.ts";
import { type Held, InFlight } from "./in_flight.ts";
import type { RedisLink } from "./redis_connection.ts";
import { RedisStream } from "./redis_stream.ts";

/** The longest rest between two looks for entries of dead consumers. */
const BEAT_MS_MAX = 5_000;

/** Rest before a read that failed is tried again: doubled each time, up to the longest. */
const AGAIN_MS_MIN = 100;
const AGAIN_MS_MAX = 2_000;

/** Entries that wait for their retries; with more a consumer reads no further. */
const RESTING_MAX = 1_024;

/** A read that is on its way when it is to end is told so again. */
const UNBLOCK_MS_MIN = 10;

/** What a consumer works with. */
export interface RedisConsumerDeps extends ConsumeOptions {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly writer: RedisLink;
  /** Its own: it is closed at the end. */
  readonly reader: RedisLink;
  readonly channel: string;
  handle(delivery: Delivery): Promise<Handled>;
}

/** An entry that waits to be handled again. */
interface Resting {
  readonly held: Held;
  readonly cancel: Cancel;
}

/** Consumes one channel for one group, under a name of its own. */
export class RedisConsumer {
  readonly #stream: RedisStream;
  readonly #intake: InFlight;
  readonly #acks: Batcher<string>;
  readonly #resting = new Map<string, Resting>();
  #reading: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  #cancelPause: Cancel = () => {};
  #cancelBeat: Cancel = () => {};
  #beating: Promise<void> = Promise.resolve();
  #beats = 0;
  #failures = 0;
  #isEnded = false;
  #hasSettled = false;

  constructor(readonly parts: RedisConsumerDeps) {
    const { runtime, log, channel, group, inFlightMax } = parts;
    const stream = new RedisStream({ ...parts, consumer: `${group}-${runtime.uuid()}` });
    this.#stream = stream;
    this.#acks = new Batcher({
      runtime,
      log,
      what: `acknowledge what was handled of "${channel}"`,
      send: (ids) => stream.acknowledge(ids),
    });
    this.#intake = new InFlight({
      log,
      channel,
      inFlightMax,
      handle: (delivery) => parts.handle(delivery),
      settle: (held, handled) => this.#settle(held, handled),
      onFree: () => this.#wake(),
    });
  }

  /** Starts to read. @throws what Redis answers, or bus.unavailable */
  async open(): Promise<void> {
    await this.#stream.makeGroup();
    await this.parts.reader.open();
    this.#reading = this.#readAll();
    // At once, too: who consumes for a moment only would never find what others left.
    this.#beat();
    void this.#stream.sweep().catch(() => {});
  }

  /** Reads no more; resolves when what is in hand has settled, and what rests was given back. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.#wake();
    this.#cancelPause();
    await this.#stopReading();
    await this.#beating;
    await this.parts.reader.close();
    const resting = [...this.#resting.values()];
    this.#resting.clear();
    for (const { cancel } of resting) cancel();
    await this.#release(resting.map(({ held }) => held));
    await this.#intake.drained();
    this.#hasSettled = true;
    this.#cancelBeat();
    await this.#stream.leave().catch(() => {});
  }

  async #stopReading(): Promise<void> {
    let isReading = true;
    void this.#reading.then(() => {
      isReading = false;
      this.#cancelPause();
    });
    for (let restMs = UNBLOCK_MS_MIN; isReading; restMs *= 2) {
      void this.#stream.unblock();
      await this.#pause(restMs);
    }
  }

  /** Waits, unless somebody cancels it. */
  #pause(ms: number): Promise<void> {
    return new Promise((wake) => {
      const cancel = this.parts.runtime.after(ms, wake);
      this.#cancelPause = () => {
        cancel();
        wake();
      };
    });
  }

  async #readAll(): Promise<void> {
    while (!this.#isEnded) {
      if (!this.#mayRead()) {
        await new Promise<void>((wake) => this.#wake = wake);
        continue;
      }
      try {
        await this.#read();
      } catch (error) {
        await this.#fix(error);
      }
    }
  }

  #mayRead(): boolean {
    return this.#intake.free > 0 && this.#resting.size < RESTING_MAX;
  }

  async #read(): Promise<void> {
    if (this.#failures > 0) {
      const known = new Set(this.#known().map(({ id }) => id));
      this.#take(await this.#stream.recover(known));
      this.parts.log.info("A channel is read again", { channel: this.parts.channel });
      this.#failures = 0;
      return;
    }
    this.#take(await this.#stream.read(this.#intake.free));
  }

  /** A stream that somebody deleted is made again; all else is tried again until it works. */
  async #fix(error: unknown): Promise<void> {
    if (this.#isEnded) return;
    const { log, channel, runtime } = this.parts;
    const text = messageOf(error);
    const isGone = /^(NOGROUP|UNBLOCKED the stream)/.test(text);
    if (this.#failures === 0) {
      const said = isGone
        ? "A stream was deleted with all that was in it: it is made again"
        : "Cannot read a channel: it is tried until Redis is back";
      log.warn(said, { channel, error: text });
    }
    const delayMs = Math.min(AGAIN_MS_MIN * 2 ** this.#failures, AGAIN_MS_MAX);
    this.#failures++;
    const isMade = isGone && await this.#stream.makeGroup().then(() => true, () => false);
    if (isMade && this.#failures === 1) return;
    if (!this.#isEnded) await this.#pause(delayMs * (0.5 + runtime.random() / 2));
  }

  #take(entries: readonly Held[]): void {
    for (const held of entries) {
      if (!this.#resting.has(held.id)) this.#intake.take(held);
    }
  }

  async #settle(held: Held, handled: Handled): Promise<void> {
    if (handled.kind !== "retry") return await this.#acks.put(held.id);
    if (this.#isEnded) return await this.#release([held]);
    const cancel = this.parts.runtime.after(handled.afterMs, () => {
      this.#resting.delete(held.id);
      this.#intake.take({ ...held, deliveries: held.deliveries + 1 });
      this.#wake();
    });
    this.#resting.set(held.id, { held, cancel });
  }

  async #release(entries: readonly Held[]): Promise<void> {
    // Else they are found when their leases end.
    await this.#stream.release(entries).catch(() => {});
  }

  #known(): readonly Held[] {
    return [...this.#intake.held(), ...[...this.#resting.values()].map(({ held }) => held)];
  }

  #beat(): void {
    const beatMs = Math.min(this.parts.leaseMs / 3, BEAT_MS_MAX);
    this.#beating = this.#keepLeases(beatMs).finally(() => {
      if (this.#hasSettled) return;
      this.#cancelBeat = this.parts.runtime.after(beatMs, () => this.#beat());
    });
  }

  async #keepLeases(beatMs: number): Promise<void> {
    const beatsPerThird = Math.max(1, Math.floor(this.parts.leaseMs / 3 / beatMs));
    try {
      if (this.#beats++ % beatsPerThird === 0) {
        await this.#stream.extend(this.#known().map(({ id }) => id));
      }
      if (!this.#isEnded && this.#mayRead()) await this.#reclaim();
    } catch { /* the reader meets the same fault, and fixes it */ }
  }

  async #reclaim(): Promise<void> {
    const { held, deleted } = await this.#stream.reclaim(this.#intake.free);
    this.#take(held);
    if (deleted === 0) return;
    const { log, channel } = this.parts;
    log.warn("Entries were trimmed before they were handled", { channel, deleted });
  }
}
