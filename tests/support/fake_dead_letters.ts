/** Dead letters for tests of the API, in a list. */

import { TaskerError } from "../../src/core/errors.ts";
import type { DeadLetter, DeadLetterFilter, DeadLetters } from "../../src/core/ports.ts";

/** Keeps dead letters in a list. */
export function fakeDeadLetters(letters: DeadLetter[]): DeadLetters {
  const chosen = ({ systems, kind, after, sinceMs, untilMs }: DeadLetterFilter) =>
    letters.filter((letter) =>
      (systems?.includes(letter.system) ?? true) &&
      (kind ?? letter.kind) === letter.kind &&
      (after === undefined || letter.id > after) &&
      letter.atMs >= (sinceMs ?? 0) && letter.atMs < (untilMs ?? Infinity)
    );
  return {
    add: () => Promise.resolve(""),
    list: (filter, limit) =>
      Promise.resolve(chosen(filter).slice(0, limit).map(({ body: _, ...summary }) => summary)),
    get: (id) => Promise.resolve(letters.find((letter) => letter.id === id)),
    remove: (id) => Promise.resolve(removeById(letters, id)),
    removeAll(filter, limit) {
      const removed = chosen(filter).slice(0, limit);
      for (const { id } of removed) removeById(letters, id);
      return Promise.resolve(removed.length);
    },
    counts: () => Promise.resolve(new Map()),
  };
}

/** Puts it back, if it may be an envelope. */
export function replayInto(replayed: DeadLetter[], letter: DeadLetter): Promise<void> {
  if (letter.body.startsWith("{")) return Promise.resolve(void replayed.push(letter));
  return Promise.reject(new TaskerError("bus.envelope_invalid", "not valid JSON"));
}

/** Makes a dead letter. */
export function deadLetterOf(id: string, more: Partial<DeadLetter> = {}): DeadLetter {
  const body = more.body ?? "{}";
  return {
    id,
    system: "x",
    kind: "reply",
    channel: "t.reply.x",
    reason: "no such task",
    deliveries: 1,
    bytes: body.length,
    atMs: 0,
    body,
    ...more,
  };
}

/** Removes the row of an id; false when there is none. */
export function removeById(rows: { id: string }[], id: string): boolean {
  const index = rows.findIndex((row) => row.id === id);
  if (index >= 0) rows.splice(index, 1);
  return index >= 0;
}
