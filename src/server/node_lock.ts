/** Node locks: which of the places in TASKER_DATA this process has, and who had it before. */

import { TaskerError } from "../core/errors.ts";
import type { Incarnation } from "../core/ids.ts";
import { openOwnFile } from "../postgres/own_file.ts";

/** Servers in one folder. */
const NODES_MAX = 64;

/** A place that is ours until the process ends; the kernel gives it up for a killed one. */
export interface NodeLock extends Disposable {
  /** `node-1`, `node-2`, … */
  readonly name: string;
  /** Who had the place before, and is certainly dead: two processes cannot hold one lock. */
  readonly previous: Incarnation | undefined;
  /** Whether that one was ended because its event loop hung. */
  readonly previousHung: boolean;
  /** Notes who has the place now. */
  write(incarnation: Incarnation): void;
  /** Shows the launcher that the event loop goes round. */
  beat(): void;
}

/** A file beside each lock: who has the place, since when, and its number of beats, or `HUNG`. */
const BEATS_FILE = /^node-\d+\.beats$/;
const BEATS_LENGTH = 48;
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
 * loop goes round.
 */
export async function readBeats(dataDir: string, pid: number): Promise<string | undefined> {
  return (await findBeats(dataDir, pid))?.text;
}

/** Reads the beats of all places. */
export async function readAllBeats(dataDir: string): Promise<readonly string[]> {
  return (await Array.fromAsync(beatsFiles(dataDir))).map(({ text }) => text);
}

/** Notes that a process hung, for whoever has its place next. Call it before you end the process. */
export async function markHung(dataDir: string, pid: number): Promise<void> {
  const found = await findBeats(dataDir, pid);
  if (found === undefined) return;
  using file = await openOwnFile(found.path);
  await file.write(new TextEncoder().encode(beatsText(pid, HUNG)));
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
  return `${pid} ${state}`.padEnd(BEATS_LENGTH);
}

function nodeLock(name: string, file: Deno.FsFile, beats: Deno.FsFile): NodeLock {
  const text = readLine(file);
  const previousHung = readLine(beats).endsWith(` ${HUNG}`);
  // The number of a process is given to others after it, so that alone says nothing.
  const sinceMs = Date.now();
  let count = 0;
  const beat = () => {
    beats.seekSync(0, Deno.SeekMode.Start);
    beats.writeSync(new TextEncoder().encode(beatsText(Deno.pid, `${sinceMs}.${count++}`)));
  };
  // At once: what was running here when the place was left may hang again before the next beat.
  beat();
  return {
    name,
    previous: text === "" ? undefined : text as Incarnation,
    previousHung,
    beat,
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
  const bytes = new Uint8Array(64);
  const length = file.readSync(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, length)).trim();
}
