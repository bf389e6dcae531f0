/** The bus in Postgres: a table of envelopes, claimed under leases. The default without a broker. */

import { type Envelope, ENVELOPE_BYTES_MAX } from "../core/envelope.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import type {
  Bus,
  BusCapabilities,
  Cancel,
  ConsumeOptions,
  Database,
  Delivery,
  Handled,
  Runtime,
} from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { batchesOf, bodiesOf } from "./body.ts";
import { EnvelopeIds, firstIdAt } from "./envelope_ids.ts";
import { Batcher } from "./batcher.ts";
import { type Delay, type Place, PostgresConsumer } from "./postgres_consumer.ts";
import { PostgresWakes } from "./postgres_notify.ts";
import consumed from "./sql/consumed.sql" with { type: "text" };
import delay from "./sql/delay.sql" with { type: "text" };
import depth from "./sql/depth.sql" with { type: "text" };
import forget from "./sql/forget.sql" with { type: "text" };
import publish from "./sql/publish.sql" with { type: "text" };
import settle from "./sql/settle.sql" with { type: "text" };
import wasConsumed from "./sql/was_consumed.sql" with { type: "text" };

/** Stands between bodies in one parameter; no JSON holds it. */
const SEPARATOR = "\u001f";

/** More than this is not counted. */
const DEPTH_MAX = 100_000;

/** After this long nobody waits for an envelope: its system never came. */
const KEPT_MS_MAX = 30 * 86_400_000;

/** How often old envelopes are looked for, and how many go at once. */
const FORGET_MS = 3_600_000;
const FORGET_ROWS_MAX = 10_000;

/** What the bus works with. */
export interface PostgresDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly database: Database;
}

/** Carries envelopes through `tasker.bus_envelope`. A channel has one group, whatever its name. */
export class PostgresBus implements Bus {
  readonly name = "postgres";
  readonly capabilities: BusCapabilities = {
    order: "channel",
    delay: true,
    countsDeliveries: true,
    dedupeWindowMs: 0,
    bytesMax: ENVELOPE_BYTES_MAX,
  };
  readonly #ids: EnvelopeIds;
  readonly #wakes: PostgresWakes;
  readonly #removals: Batcher<Place>;
  readonly #delays: Batcher<Delay>;
  readonly #ends = new Set<() => Promise<void>>();
  /** Channels that the database knows to be consumed. */
  readonly #noted = new Set<string>();
  #cancelForget: Cancel = () => {};
  #isClosed = false;

  constructor(readonly parts: PostgresDeps) {
    const { runtime, log, database } = parts;
    this.#ids = new EnvelopeIds(runtime);
    this.#wakes = new PostgresWakes(parts);
    this.#removals = new Batcher({
      runtime,
      log,
      what: "remove handled envelopes",
      send: (places) => database.query(settle, columns(places, ["channel", "id"])),
    });
    this.#delays = new Batcher({
      runtime,
      log,
      what: "keep or delay envelopes",
      send: (delays) =>
        database.query(delay, columns(delays, ["channel", "id", "deliveries", "ms"])),
    });
    this.#armForget();
  }

  async publish(channel: string, envelopes: readonly Envelope[]): Promise<void> {
    for (const bodies of batchesOf(bodiesOf(envelopes))) {
      const ids = bodies.map(() => this.#ids.next());
      await this.#query(publish, [channel, ids, bodies.join(SEPARATOR)]);
      this.#wakes.published(channel, bodies.length);
    }
  }

  async consume(
    channel: string,
    options: ConsumeOptions,
    handle: (delivery: Delivery) => Promise<Handled>,
  ): Promise<() => Promise<void>> {
    if (this.#isClosed) throw unavailable("it is closed");
    const consumer = new PostgresConsumer({
      ...this.parts,
      ...options,
      wakes: this.#wakes,
      removals: this.#removals,
      delays: this.#delays,
      channel,
      handle,
    });
    consumer.open();
    let ending: Promise<void> | undefined;
    const end = () => ending ??= consumer.end().finally(() => this.#ends.delete(end));
    this.#ends.add(end);
    await this.#note(channel);
    return end;
  }

  async wasConsumed(channel: string): Promise<boolean> {
    const [row] = await this.#query(wasConsumed, [channel]);
    return row?.was === true;
  }

  /** An outage keeps nobody from consuming: the next who consumes the channel notes it. */
  async #note(channel: string): Promise<void> {
    if (this.#noted.has(channel)) return;
    this.#noted.add(channel);
    try {
      await this.#query(consumed, [channel]);
    } catch (error) {
      this.#noted.delete(channel);
      this.parts.log.warn("Cannot note that a channel is consumed", {
        channel,
        error: messageOf(error),
      });
    }
  }

  /** Not settled yet; DEPTH_MAX stands for more. */
  async depth(channel: string): Promise<number> {
    const [row] = await this.#query(depth, [channel, DEPTH_MAX]);
    return Number(row?.depth);
  }

  async ping(): Promise<void> {
    await this.#query("select 1");
  }

  /** The database is its opener's to close. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelForget();
    await Promise.all([...this.#ends].map((end) => end()));
    await this.#wakes.close();
  }

  #armForget(): void {
    const { runtime, database, log } = this.parts;
    this.#cancelForget = runtime.after(FORGET_MS, () => {
      this.#armForget();
      const kept = firstIdAt(runtime.now() - KEPT_MS_MAX);
      database.query(forget, [kept, FORGET_ROWS_MAX]).catch((error) => {
        log.warn("Cannot remove old envelopes", { error: messageOf(error) });
      });
    });
  }

  async #query(text: string, parameters: readonly unknown[] = []) {
    if (this.#isClosed) throw unavailable("it is closed");
    try {
      return await this.parts.database.query(text, parameters);
    } catch (error) {
      throw unavailable(messageOf(error), error);
    }
  }
}

/** Turns items into one array a column. */
function columns<T>(items: readonly T[], names: readonly (keyof T)[]): readonly unknown[] {
  return names.map((name) => items.map((item) => item[name]));
}

function unavailable(why: string, cause?: unknown): TaskerError {
  return new TaskerError("bus.unavailable", `Cannot use the bus: ${why}`, { cause });
}
