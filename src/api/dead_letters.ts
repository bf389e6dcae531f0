/** Handlers of dead letters: envelopes nobody could use. A key sees those of its systems. */

import { TaskerError } from "../core/errors.ts";
import type { DeadLetter, DeadLetterFilter, DeadLetterSummary } from "../core/ports.ts";
import type { DEAD_LETTERS } from "../operations/dead_letters.ts";
import type { ParsedOf } from "../operations/operation.ts";
import { timeText } from "../operations/schema.ts";
import type { Caller } from "./access.ts";
import type { Handlers, Services } from "./handler.ts";

type Batch = ParsedOf<typeof DEAD_LETTERS["replayManyDead"]>;
type Filter = Omit<Partial<ParsedOf<typeof DEAD_LETTERS["listDead"]>>, "limit" | "cursor">;

/** Handlers of everything that reads, replays and discards dead letters. */
export function deadLetterHandlers(services: Services): Handlers<typeof DEAD_LETTERS> {
  const { dead, replayDead, log } = services;
  return {
    async listDead({ limit, cursor, ...input }, { caller }) {
      const filter = { ...filterOf(input, caller), ...(cursor !== undefined && { after: cursor }) };
      const letters = await dead.list(filter, limit);
      const last = letters.at(-1);
      const isMore = letters.length === limit && last !== undefined;
      return {
        status: 200,
        body: {
          letters: letters.map(summaryDocument),
          ...(isMore ? { nextCursor: last.id } : {}),
        },
      };
    },
    async getDead({ id }, { caller }) {
      const { body, ...letter } = await find(dead, caller, id);
      return { status: 200, body: { ...summaryDocument(letter), body } };
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
    async replayManyDead(input, { caller }) {
      const body = await replayMany(services, input, caller);
      log.info("Replayed dead letters", { system: input.system, ...body, keyId: caller.keyId });
      return { status: 200, body };
    },
    async discardManyDead(input, { caller }) {
      const done = await dead.removeAll(filterOf(input, caller), input.count);
      const body = { done, refused: 0, isMore: done === input.count };
      log.info("Discarded dead letters", { system: input.system, ...body, keyId: caller.keyId });
      return { status: 200, body };
    },
  };
}

/** One after the other: a body may be large. A failure leaves the rest as it is. */
async function replayMany({ dead, replayDead }: Services, input: Batch, caller: Caller) {
  const letters = await dead.list(filterOf(input, caller), input.count);
  let [done, refused] = [0, 0];
  for (const { id } of letters) {
    const letter = await dead.get(id);
    if (letter === undefined) continue;
    try {
      await replayDead(letter);
    } catch (error) {
      if (!(error instanceof TaskerError) || error.code !== "bus.envelope_invalid") throw error;
      refused++;
      continue;
    }
    await dead.remove(id);
    done++;
  }
  return { done, refused, isMore: letters.length === input.count };
}

/**
 * A key for all namespaces sees all letters, any other those of its systems.
 *
 * @throws {TaskerError} api.forbidden
 */
function filterOf(
  { system, kind, since, until }: Filter,
  caller: Caller,
): DeadLetterFilter {
  const systems = systemsOf(caller);
  if (systems?.length === 0) caller.demandEverything("dead letters");
  if (system !== undefined && systems !== undefined) caller.demandSystem(system);
  return {
    systems: system === undefined ? systems : [system],
    ...(kind !== undefined && { kind }),
    ...(since !== undefined && { sinceMs: Date.parse(since) }),
    ...(until !== undefined && { untilMs: Date.parse(until) }),
  };
}

function systemsOf(caller: Caller): readonly string[] | undefined {
  return caller.namespaces === undefined ? undefined : caller.systems;
}

/** For a key, letters of systems that it does not cover do not exist. */
async function find(dead: Services["dead"], caller: Caller, id: string): Promise<DeadLetter> {
  const { systems } = filterOf({}, caller);
  const letter = await dead.get(id);
  if (letter !== undefined && (systems?.includes(letter.system) ?? true)) return letter;
  throw new TaskerError("dead_letter.not_found", `Cannot find dead letter "${id}"`);
}

function summaryDocument({ atMs, ...letter }: DeadLetterSummary) {
  return { ...letter, at: timeText(atMs) };
}
