/** Changes of tasks on all nodes, once a second, for pages that show them. */

import type { Cancel, CommittedTurn, Feed, Notes, Runtime } from "../core/ports.ts";
import { timeText } from "../operations/schema.ts";
import type { CHANGES } from "../operations/changes.ts";
import type { Caller } from "./access.ts";
import type { Handlers, Services } from "./handler.ts";
import { emptyStream, eventStream, frameBytes, type Send } from "./sse.ts";

/** How often changes are sent, in milliseconds: as fast as a person reads. */
export const TICK_MS = 1_000;

/** Without changes an event is sent this often: a page that hears nothing knows that it is cut off. */
const BEAT_MS = 10_000;

/**
 * How often a page reads lists again at most while tasks change, in milliseconds, and how much longer for
 * each page that is open on the node: all of them together ask about as often.
 */
const LISTS = { minMs: 4_000, maxMs: 30_000, eachMs: 50 };

/** How often a node with readers asks the others for their changes, and how long they then send. */
const WATCH_MS = 10_000;
const WATCHED_MS = 25_000;

/** Tasks of one event, and of each namespace in a tick: a busy one takes no place of another. */
export const CHANGED_MAX = 500;
const CHANGED_ALL_MAX = 10_000;

/** Changes, and names of namespaces, of one note to other nodes; Postgres takes notes of 8,000 bytes. */
const NOTE_BYTES_MAX = 6_500;
const MORE_BYTES_MAX = 1_000;

/** Ticks that are kept for readers who are slow or come back. */
const TICKS_MAX = 60;

/** A task that changed: its newest turn, and the state after it. */
interface Change {
  readonly id: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly state: string;
  readonly turn: number;
}

/** What a node sends to all others: a question for their changes, or its own. */
interface Note {
  readonly from: string;
  readonly changed?: readonly Change[];
  readonly isMore?: boolean;
  /** Which namespaces have more; absent: any may. */
  readonly more?: readonly string[];
}

/** The handler of the stream of changes. */
export function changeHandlers(
  { changes, connections, runtime, streamMemory }: Services,
): Handlers<typeof CHANGES> {
  return {
    streamChanges(_input, { caller, isHead, signal, lastEventId }) {
      if (isHead) return Promise.resolve({ status: 200, body: emptyStream() });
      const connection = connections.open(signal, caller);
      const body = eventStream({
        runtime,
        memory: streamMemory,
        signal: connection.signal,
        run: (send, ends) => changes.read(caller, { lastEventId, send, ends }),
        done: () => connection.release(),
      });
      return Promise.resolve({ status: 200, body });
    },
  };
}

/** Changes by task, the newest of each; beyond the bounds only that a namespace had more. */
class Changed {
  readonly #byTask = new Map<string, Change>();
  readonly #counts = new Map<string, number>();
  /** Namespaces that have more; and whether any may have. */
  readonly more = new Set<string>();
  isMore = false;

  add(change: Change): void {
    const { id, namespace } = change;
    const known = this.#byTask.get(id);
    if (known !== undefined) {
      if (known.turn < change.turn) this.#byTask.set(id, change);
      return;
    }
    const count = this.#countOf(namespace);
    if (count >= CHANGED_MAX || this.#byTask.size >= CHANGED_ALL_MAX) {
      this.more.add(namespace);
    } else {
      this.#byTask.set(id, change);
      this.#counts.set(namespace, count + 1);
    }
  }

  get isEmpty(): boolean {
    return this.#byTask.size === 0 && this.more.size === 0 && !this.isMore;
  }

  /** What a reader of some namespaces is sent; undefined: of all. */
  of(namespaces: readonly string[] | undefined): Pick<Required<Note>, "changed" | "isMore"> {
    const all = [...this.#byTask.values()];
    const seen = namespaces === undefined
      ? all
      : all.filter(({ namespace }) => namespaces.includes(namespace));
    const hasMore = namespaces?.some((one) => this.more.has(one)) ?? this.more.size > 0;
    const isMore = this.isMore || hasMore || seen.length > CHANGED_MAX;
    return { changed: seen.slice(0, CHANGED_MAX), isMore };
  }

  /** What fits into a note: of namespaces with few changes all, and of which there are more. */
  note(): Omit<Note, "from"> {
    const fewFirst = [...this.#byTask.values()].toSorted((one, other) =>
      this.#countOf(one.namespace) - this.#countOf(other.namespace)
    );
    const changed: Change[] = [];
    const more = new Set(this.more);
    let bytes = 0;
    for (const change of fewFirst) {
      if (bytes <= NOTE_BYTES_MAX) bytes += JSON.stringify(change).length + 1;
      if (bytes <= NOTE_BYTES_MAX) changed.push(change);
      else more.add(change.namespace);
    }
    const isAny = this.isMore || JSON.stringify([...more]).length > MORE_BYTES_MAX;
    const isMore = isAny || more.size > 0;
    return { changed, isMore, ...(!isAny && { more: [...more] }) };
  }

  #countOf(namespace: string): number {
    return this.#counts.get(namespace) ?? 0;
  }
}

/** What a tick has for readers of the same namespaces, encoded once. */
interface Frame {
  readonly bytes: Uint8Array;
  /** Whether it is only a sign of life. */
  readonly isEmpty: boolean;
}

/** One tick; its frames by namespaces. */
interface Tick {
  readonly number: number;
  readonly changed: Changed;
  readonly frames: Map<string, Frame>;
}

/** What it works with. */
interface ChangesDeps {
  readonly runtime: Pick<Runtime, "after" | "monotonic" | "now" | "uuid">;
  readonly feed: Feed;
  readonly notes: Notes;
  /** Called before readers are sent changes. */
  readonly announces: () => void;
}

/**
 * Collects changes while somebody reads them, here or on another node. A reader has no queue: it reads
 * the kept ticks at its own speed, and is asked to look at everything when it is too far behind.
 *
 * Cost: nothing while nobody reads. Else an entry of a map a turn, a note a second to nodes with
 * readers, and an encoding a second for each set of namespaces.
 */
export class Changes {
  readonly #deps: ChangesDeps;
  /** Numbers count in one life of the process: those of another one mean nothing here. */
  readonly #life: string;
  readonly #readers = new Set<() => void>();
  #own = new Changed();
  #all = new Changed();
  #ticks: readonly Tick[] = [];
  #number = 0;
  #isTicking = false;
  #cancelFeed: Cancel | undefined;
  #watchedUntilMs = -Infinity;
  #askedAtMs = -Infinity;
  #sentAtMs = -Infinity;

  constructor(deps: ChangesDeps) {
    this.#deps = deps;
    this.#life = deps.runtime.uuid();
    // Where nothing can be heard, this node's own changes are all there is.
    deps.notes.listen((text) => this.#hear(text)).catch(() => {});
  }

  /** Sends what a reader has not seen, and then each tick, until `ends` aborts. */
  async read(
    caller: Caller,
    { lastEventId, send, ends }: {
      readonly lastEventId: string | undefined;
      readonly send: Send;
      readonly ends: AbortSignal;
    },
  ): Promise<void> {
    let wake = () => {};
    const woken = () => wake();
    this.#readers.add(woken);
    ends.addEventListener("abort", woken, { once: true });
    this.#begin();
    const { runtime } = this.#deps;
    try {
      let seen = await this.#resume(lastEventId, send);
      let sentAtMs = runtime.monotonic();
      while (!ends.aborted) {
        const next = this.#ticks.find(({ number }) => number > seen);
        if (next === undefined) {
          await new Promise<void>((resolve) => wake = resolve);
        } else {
          const isBehind = next.number > seen + 1;
          const frame = isBehind ? this.#everything(next.number) : this.#frameOf(next, caller);
          seen = next.number;
          if (frame.isEmpty && runtime.monotonic() - sentAtMs < BEAT_MS) continue;
          await send(frame.bytes);
          sentAtMs = runtime.monotonic();
        }
      }
    } finally {
      this.#readers.delete(woken);
    }
  }

  /** Where a reader goes on; one that may have missed something is asked to look at everything. */
  async #resume(lastEventId: string | undefined, send: Send): Promise<number> {
    const [life, text] = lastEventId?.split(".") ?? [];
    const number = Number(text);
    const first = this.#ticks[0]?.number ?? this.#number + 1;
    const isKept = Number.isInteger(number) && number >= first - 1 && number <= this.#number;
    if (life === this.#life && isKept) return number;
    await send(this.#everything(this.#number).bytes);
    return this.#number;
  }

  #everything(number: number): Frame {
    return this.#encode(number, { changed: [], isMore: true });
  }

  #frameOf({ number, changed, frames }: Tick, { namespaces }: Caller): Frame {
    const rights = namespaces?.join(" ") ?? "*";
    const known = frames.get(rights);
    if (known !== undefined) return known;
    const frame = this.#encode(number, changed.of(namespaces));
    frames.set(rights, frame);
    return frame;
  }

  get #listsMs(): number {
    const { minMs, maxMs, eachMs } = LISTS;
    return Math.min(maxMs, Math.max(minMs, eachMs * this.#readers.size));
  }

  #encode(number: number, { changed, isMore }: ReturnType<Changed["of"]>): Frame {
    const tasks = changed.map(({ id, namespace, workflow, state, turn }) => ({
      id,
      workflow: `${namespace}/${workflow}`,
      state,
      turn,
    }));
    const at = timeText(this.#deps.runtime.now());
    const bytes = frameBytes([{
      id: `${this.#life}.${number}`,
      data: { at, tasks, isMore, listsMs: this.#listsMs },
    }]);
    return { bytes, isEmpty: tasks.length === 0 && !isMore };
  }

  /** Collects from now on, until nobody reads any more. */
  #begin(): void {
    this.#cancelFeed ??= this.#deps.feed.subscribe((committed) => this.#collect(committed));
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#deps.runtime.after(TICK_MS, () => this.#tick());
  }

  #collect({ taskId, namespace, plan, turn, state }: CommittedTurn): void {
    const workflow = plan.definition.name;
    const change = { id: taskId, namespace, workflow, state, turn: turn.turn };
    this.#own.add(change);
    this.#all.add(change);
  }

  #tick(): void {
    const [own, all] = [this.#own, this.#all];
    this.#own = new Changed();
    this.#all = new Changed();
    this.#isTicking = false;
    const nowMs = this.#deps.runtime.monotonic();
    const isWatched = nowMs < this.#watchedUntilMs;
    if (isWatched && !own.isEmpty) this.#note(own.note());
    if (this.#readers.size > 0) this.#send(all, nowMs);
    else this.#skip();
    if (this.#readers.size > 0 || isWatched) return this.#begin();
    this.#cancelFeed?.();
    this.#cancelFeed = undefined;
  }

  /** Nobody reads, so nothing is kept from now on: who comes back has missed something. */
  #skip(): void {
    this.#number++;
    this.#ticks = [];
  }

  #send(changed: Changed, nowMs: number): void {
    if (nowMs - this.#askedAtMs >= WATCH_MS) {
      this.#askedAtMs = nowMs;
      this.#note({});
    }
    if (changed.isEmpty && nowMs - this.#sentAtMs < BEAT_MS) return;
    this.#sentAtMs = nowMs;
    this.#number++;
    const tick = { number: this.#number, changed, frames: new Map() };
    this.#ticks = [...this.#ticks, tick].slice(-TICKS_MAX);
    this.#deps.announces();
    for (const wake of this.#readers) wake();
  }

  /** A note that is lost is like one that nobody sent: pages also ask from time to time. */
  #note(note: Omit<Note, "from">): void {
    const text = JSON.stringify({ from: this.#life, ...note });
    this.#deps.notes.publish(text).catch(() => {});
  }

  #hear(text: string): void {
    // After a reconnect: what was said meanwhile was not heard.
    if (text === "") return void (this.#all.isMore = true);
    const { from, changed, isMore = false, more }: Note = JSON.parse(text);
    if (from === this.#life) return;
    if (changed === undefined) {
      this.#watchedUntilMs = this.#deps.runtime.monotonic() + WATCHED_MS;
      return this.#begin();
    }
    if (this.#readers.size === 0) return;
    for (const change of changed) this.#all.add(change);
    if (more === undefined) this.#all.isMore ||= isMore;
    else for (const namespace of more) this.#all.more.add(namespace);
  }
}
