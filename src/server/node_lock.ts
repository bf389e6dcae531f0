/**
 * Files in TASKER_DATA by which other processes know a server: which place it has and who had it
 * before, whether its event loop turns, and where it listens.
 */

import { TaskerError } from "../core/errors.ts";
import type { Incarnation } from "../core/ids.ts";
import { openOwnFile } from "../postgres/own_file.ts";
import { pause } from "../postgres/retry_for.ts";

/** Servers in one folder. */
const NODES_MAX = 64;

/** A place that this process has until it ends; the kernel frees that of a killed one. */
export interface NodeLock extends Disposable {
  /** `node-1`, `node-2`, … */
  readonly name: string;
  /** Who had the place before, and is certainly dead: two processes cannot hold one lock. */
  readonly previous: Incarnation | undefined;
  /** Whether that one was ended because its event loop hung, and no request made it hang. */
  readonly previousHung: boolean;
  /** Notes who has the place now. */
  write(incarnation: Incarnation): void;
  /** Shows the launcher that the event loop turns. */
  beat(): void;
  /** Notes which request is computed now; undefined: none. Cost: 1 to 2 µs. */
  noteRequest(request: string | undefined): void;
}

/**
 * A file beside each lock: who has the place, since when, and its number of beats, or `HUNG`; and the
 * request that is computed.
 */
const BEATS_FILE = /^node-\d+\.beats$/;
const BEATS_LENGTH = 128;
const HUNG = "hung";

/**
 * Takes the first free place of a folder.
 *
 * @throws {TaskerError} config.invalid when all places are taken
 */
export async function takeNodeLock(dataDir: string): Promise<NodeLock> {
  await Deno.mkdir(dataDir, { recursive: true });
  for (let number = 1; number <= NODES_MAX; number++) {
    const name = `node-${number}`;
    const path = `${dataDir}/${name}.lock`;
    const file = await openOwnFile(path);
    if (await file.tryLock(true)) {
      return nodeLock(name, file, await openOwnFile(`${dataDir}/${name}.beats`));
    }
    file.close();
  }
  throw new TaskerError(
    "config.invalid",
    `Cannot serve from "${dataDir}": ${NODES_MAX} servers use it already; set another TASKER_DATA`,
  );
}

/**
 * Reads the beats of a process; undefined when it has given none yet. They change while its event
 * loop turns.
 */
async function readBeats(dataDir: string, pid: number): Promise<string | undefined> {
  return (await findBeats(dataDir, pid))?.text;
}

/** Reads the beats of all places. */
export async function readAllBeats(dataDir: string): Promise<readonly string[]> {
  return (await Array.fromAsync(beatsFiles(dataDir))).map(({ text }) => text);
}

/**
 * Notes that a process hung, for the next server in its place. Call it before ending the process.
 *
 * @returns the request that made it hang; undefined when none did
 */
export async function markHung(dataDir: string, pid: number): Promise<string | undefined> {
  const found = await findBeats(dataDir, pid);
  if (found === undefined) return undefined;
  const request = found.text.trim().split(" ").slice(2).join(" ");
  using file = await openOwnFile(found.path);
  await file.write(new TextEncoder().encode(beatsText(pid, `${HUNG} ${request}`)));
  return request === "" ? undefined : request;
}

async function findBeats(
  dataDir: string,
  pid: number,
): Promise<{ readonly path: string; readonly text: string } | undefined> {
  for await (const found of beatsFiles(dataDir)) {
    if (found.text.startsWith(`${pid} `)) return found;
  }
  return undefined;
}

async function* beatsFiles(
  dataDir: string,
): AsyncGenerator<{ readonly path: string; readonly text: string }> {
  for await (const { name, isFile } of Deno.readDir(dataDir)) {
    if (!isFile || !BEATS_FILE.test(name)) continue; // a link is not followed
    const path = `${dataDir}/${name}`;
    yield { path, text: await Deno.readTextFile(path) };
  }
}

/** Always of one length: written over the last one, it needs no more room on the disk. */
function beatsText(pid: number, state: string): string {
  return `${pid} ${state}`.slice(0, BEATS_LENGTH).padEnd(BEATS_LENGTH);
}

function nodeLock(name: string, file: Deno.FsFile, beats: Deno.FsFile): NodeLock {
  const text = readLine(file);
  // A request that hung the server says nothing about the steps that were running beside it.
  const previousHung = readLine(beats).endsWith(` ${HUNG}`);
  // The number of a process is given to others after it, so that alone says nothing.
  const sinceMs = Date.now();
  let count = 0;
  let request = "";
  const beat = () => {
    beats.seekSync(0, Deno.SeekMode.Start);
    const text = beatsText(Deno.pid, `${sinceMs}.${count++} ${request}`);
    beats.writeSync(new TextEncoder().encode(text));
  };
  // At once: what was running here when the place was left may hang again before the next beat.
  beat();
  return {
    name,
    previous: text === "" ? undefined : text as Incarnation,
    previousHung,
    beat,
    noteRequest(computed) {
      request = computed ?? "";
      beat();
    },
    write(incarnation) {
      file.truncateSync(0);
      file.seekSync(0, Deno.SeekMode.Start);
      file.writeSync(new TextEncoder().encode(incarnation));
      file.syncSync();
    },
    [Symbol.dispose]() {
      beats.close();
      file.close();
    },
  };
}

function readLine(file: Deno.FsFile): string {
  const bytes = new Uint8Array(BEATS_LENGTH);
  const length = file.readSync(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, length)).trim();
}

/** How often the launcher looks; a beat comes as often. */
const LOOK_MS = 1_000;

/** What is watched, and for how long it may stand still. */
interface WatchOptions {
  readonly dataDir: string;
  readonly pid: number;
  /** The beats of all places before the server was started: none of them is its own. */
  readonly earlier: readonly string[];
  /** How long the event loop may stand still now, in milliseconds. */
  hangMs(): number;
  /** Whether the server has ended. */
  hasEnded(): boolean;
}

/** What made a server hang. */
interface Hang {
  /** Undefined: no request, so it was step code. */
  readonly request: string | undefined;
}

/**
 * Waits until the server's event loop has stood still for too long, and notes that for the node that
 * comes next.
 *
 * It counts its looks and not the time: while a machine sleeps, its launcher does not look either.
 *
 * @returns when the server hangs and is to be ended, with the request that made it; undefined when it has
 *   ended
 */
export async function untilHung(options: WatchOptions): Promise<Hang | undefined> {
  const { dataDir, pid, earlier } = options;
  let seen: string | undefined;
  for (let looks = 0; !options.hasEnded(); looks++) {
    const beats = await readBeats(dataDir, pid).catch(() => undefined);
    if (beats !== seen) {
      seen = beats;
      looks = 0;
    }
    const isItsOwn = seen !== undefined && !earlier.includes(seen);
    if (isItsOwn && looks * LOOK_MS >= options.hangMs()) {
      return { request: await markHung(dataDir, pid) };
    }
    await pause(LOOK_MS);
  }
  return undefined;
}

/**
 * One line in a file, for as long as it is true. The file stays open: to empty it, the server needs
 * no right to open files any more.
 */
export class Notice implements Disposable {
  private constructor(readonly file: Deno.FsFile, readonly line: string) {}

  /** Writes the line, in place of one that another server has left. */
  static async post(path: string, line: string): Promise<Notice> {
    const notice = new Notice(await openOwnFile(path, 0o644), line);
    notice.#write();
    return notice;
  }

  /** Writes the line again when a newer server has ended and left the file empty. */
  renew(): void {
    if (this.#read() !== "") return;
    this.file.lockSync(true); // others in this folder may do the same
    try {
      if (this.#read() === "") this.#write();
    } finally {
      this.file.unlockSync();
    }
  }

  /** Empties the file, unless a newer server has written its own line into it. */
  [Symbol.dispose](): void {
    if (this.#read() === this.line) this.file.truncateSync(0);
    this.file.close();
  }

  #read(): string {
    const bytes = new Uint8Array(1_024);
    this.file.seekSync(0, Deno.SeekMode.Start);
    const length = this.file.readSync(bytes) ?? 0;
    return new TextDecoder().decode(bytes.subarray(0, length)).trim();
  }

  #write(): void {
    this.file.truncateSync(0);
    this.file.seekSync(0, Deno.SeekMode.Start);
    this.file.writeSync(new TextEncoder().encode(`${this.line}\n`));
  }
}
