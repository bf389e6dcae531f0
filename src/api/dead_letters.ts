/** Handlers of dead letters: envelopes nobody could use. They mix namespaces, so a key must cover all. */

import { TaskerError } from "../core/errors.ts";
import type { DeadLetter } from "../core/ports.ts";
import type { DEAD_LETTERS } from "../operations/dead_letters.ts";
import { timeText } from "../operations/schema.ts";
import type { Caller } from "./access.ts";
import type { Handlers, Services } from "./handler.ts";

/** Handlers of everything that reads and settles dead letters. */
export function deadLetterHandlers(
  { dead, replayDead, log }: Services,
): Handlers<typeof DEAD_LETTERS> {
  return {
    async listDead({ limit, cursor }, { caller }) {
      caller.demandEverything("dead letters");
      const letters = await dead.list(limit, cursor);
      const last = letters.at(-1);
      const isMore = letters.length === limit && last !== undefined;
      return {
        status: 200,
        body: {
          letters: letters.map(letterDocument),
          ...(isMore ? { nextCursor: last.id } : {}),
        },
      };
    },
    async replayDead(input, { caller }) {
      const letter = await find(dead, caller, input.id);
      const { id, channel } = letter;
      await replayDead(letter);
      await dead.remove(id);
      log.info("Replayed a dead letter", { id, channel, keyId: caller.keyId });
      return { status: 202, body: { id, channel } };
    },
    async discardDead(input, { caller }) {
      const { id, channel } = await find(dead, caller, input.id);
      await dead.remove(id);
      log.info("Discarded a dead letter", { id, channel, keyId: caller.keyId });
      return { status: 204 };
    },
  };
}

async function find(dead: Services["dead"], caller: Caller, id: string): Promise<DeadLetter> {
  caller.demandEverything("dead letters");
  const letter = await dead.get(id);
  if (letter !== undefined) return letter;
  throw new TaskerError("dead_letter.not_found", `Cannot find dead letter "${id}"`);
}

function letterDocument({ id, channel, reason, body, atMs }: DeadLetter) {
  return { id, channel, reason, at: timeText(atMs), body };
}
