/** Routes of dead letters: envelopes nobody could use. */

import { z } from "zod";
import { TaskerError } from "../core/errors.ts";
import type { DeadLetter } from "../core/ports.ts";
import type { Caller } from "./access.ts";
import { type Route, route } from "./route.ts";
import { Limit, named, Time, timeText } from "./schema.ts";
import type { Services } from "./services.ts";

const Letter = named(
  "DeadLetter",
  z.object({
    id: z.string(),
    channel: z.string(),
    reason: z.string(),
    at: Time,
    body: z.string().describe("As it came, whether it is an envelope or not"),
  }),
);

const LetterPage = named(
  "DeadLetterPage",
  z.object({ letters: z.array(Letter), nextCursor: z.string().optional() }),
);

const Replayed = named("Replayed", z.object({ id: z.string(), channel: z.string() }));

const Params = z.strictObject({ id: z.string().min(1).max(64) });

const COMMON = { group: "dead letters", right: "operate" } as const;

/** All routes of dead letters. They mix namespaces, so a key must cover all. */
export function deadRoutes(services: Services): readonly Route[] {
  return [listRoute(services), replayRoute(services), discardRoute(services)];
}

function listRoute({ dead }: Services): Route {
  return route({
    ...COMMON,
    method: "GET",
    path: "/v1/dead",
    name: "listDead",
    summary: "Lists dead letters",
    repeat: "harmless",
    query: z.strictObject({ limit: Limit, cursor: z.string().min(1).max(64).optional() }),
    answers: { 200: { description: "A page", schema: LetterPage } },
    problems: [],
    async handle({ caller, query: { limit, cursor } }) {
      caller.demandEverything("dead letters");
      const letters = await dead.list(limit, cursor);
      const last = letters.at(-1);
      const isMore = letters.length === limit && last !== undefined;
      const body = {
        letters: letters.map(letterDocument),
        ...(isMore ? { nextCursor: last.id } : {}),
      };
      return { status: 200, body };
    },
  });
}

function replayRoute({ dead, replayDead, log }: Services): Route {
  return route({
    ...COMMON,
    method: "POST",
    path: "/v1/dead/{id}/replay",
    name: "replayDead",
    summary: "Puts a dead letter back into its channel",
    repeat: "remembered",
    params: Params,
    answers: { 202: { description: "It is in its channel again", schema: Replayed } },
    problems: ["dead_letter.not_found", "bus.envelope_invalid", "bus.unavailable"],
    async handle({ caller, params }) {
      const letter = await find(dead, caller, params.id);
      await replayDead(letter);
      await dead.remove(letter.id);
      log.info("Replayed a dead letter", {
        id: letter.id,
        channel: letter.channel,
        keyId: caller.keyId,
      });
      return { status: 202, body: { id: letter.id, channel: letter.channel } };
    },
  });
}

function discardRoute({ dead, log }: Services): Route {
  return route({
    ...COMMON,
    method: "DELETE",
    path: "/v1/dead/{id}",
    name: "discardDead",
    summary: "Discards a dead letter",
    repeat: "remembered",
    params: Params,
    answers: { 204: { description: "It is gone" } },
    problems: ["dead_letter.not_found"],
    async handle({ caller, params }) {
      const letter = await find(dead, caller, params.id);
      await dead.remove(letter.id);
      log.info("Discarded a dead letter", {
        id: letter.id,
        channel: letter.channel,
        keyId: caller.keyId,
      });
      return { status: 204 };
    },
  });
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
