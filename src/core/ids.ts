/** Ids: a task id contains its slot; other ids are derived from it. */

import { TaskerError } from "./errors.ts";

/** Slots are the unit of ownership; their number never changes for a database. */
export const SLOTS = 4096;

declare const brand: unique symbol;

/** A UUIDv7 whose 12 `rand_a` bits are the task's slot, in lower-case canonical form. */
export type TaskId = string & { readonly [brand]: "TaskId" };

/** One process from its start to its end; the key of its row in `node`. A UUID. */
export type Incarnation = string & { readonly [brand]: "Incarnation" };

/** The first eight digits of an incarnation: how journals and the log name a node. */
export type NodeMark = string & { readonly [brand]: "NodeMark" };

const TASK_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * Mints a task id in a slot.
 *
 * Shape: `uuid` is any random UUID; its last 62 bits become the id's random part.
 */
export function mintTaskId(nowMs: number, slot: number, uuid: string): TaskId {
  return uuidV7(nowMs, slot, uuid) as TaskId;
}

/**
 * Makes a UUIDv7 of a time, 12 bits that the caller chooses, and the random end of a UUID.
 *
 * Source: RFC 9562 §5.7; `bits` is `rand_a`.
 */
export function uuidV7(ms: number, bits: number, uuid: string): string {
  const time = Math.floor(ms).toString(16).padStart(12, "0");
  const chosen = bits.toString(16).padStart(3, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${chosen}-${uuid.slice(19).toLowerCase()}`;
}

/** Names a node shortly. */
export function nodeMark(incarnation: Incarnation): NodeMark {
  return incarnation.slice(0, 8) as NodeMark;
}

/**
 * Makes the id of an append: a UUIDv8 (RFC 9562 §5.8) that begins with the mark of the node that
 * appends, so the journal knows it and no row is longer. `uuid` is any random UUID.
 */
export function appendIdOf(incarnation: Incarnation, uuid: string): string {
  return `${nodeMark(incarnation)}${uuid.slice(8, 14)}8${uuid.slice(15)}`;
}

/** Returns which node appended; undefined: an earlier version of Tasker, whose ids are random. */
export function appendedBy(appendId: string): NodeMark | undefined {
  return appendId[14] === "8" ? appendId.slice(0, 8) as NodeMark : undefined;
}

const NIL_UUID = "00000000-0000-0000-0000-000000000000";

/** The last time that the 48 bits of a UUIDv7 hold; the year 10889. */
const ID_MS_MAX = 2 ** 48 - 1;

/** Returns the least UUIDv7 of a time: all ids made before are less. */
export function firstIdAt(ms: number): TaskId {
  return mintTaskId(Math.min(Math.max(0, ms), ID_MS_MAX), 0, NIL_UUID);
}

/** Returns the slot of a task: the 12 bits after the version digit. */
export function slotOf(taskId: TaskId): number {
  return parseInt(taskId.slice(15, 18), 16);
}

/** Returns when a task id was minted, Unix time in milliseconds. */
export function mintedAtMs(taskId: TaskId): number {
  return parseInt(taskId.slice(0, 8) + taskId.slice(9, 13), 16);
}

/** Whether a text is a task id, as people type it. */
export function isTaskId(text: string): boolean {
  return TASK_ID.test(text.toLowerCase());
}

/**
 * Parses what a person or another system typed.
 *
 * @throws {TaskerError} task.id_invalid
 */
export function parseTaskId(text: string): TaskId {
  const id = text.toLowerCase();
  if (!TASK_ID.test(id)) {
    throw new TaskerError(
      "task.id_invalid",
      `Cannot read task id "${text.slice(0, 64)}": it is not a UUIDv7`,
    );
  }
  return id as TaskId;
}

/** The idempotency key of a step's code: the same for every attempt. */
export function stepKey(taskId: TaskId, step: string): string {
  return `${taskId}/${step}`;
}

/** The id of the envelope that carries one attempt: the same each time it is published. */
export function dispatchId(taskId: TaskId, step: string, attempt: number): string {
  return `${taskId}/${step}/${attempt}`;
}

/** Spreads a string over 32 bits (FNV-1a); for jitter and rendezvous hashing, not for security. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
