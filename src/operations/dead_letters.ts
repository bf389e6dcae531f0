/** Operations of dead letters: envelopes nobody could use. They need a key for all namespaces. */

import { z } from "zod";
import { group, operation } from "./operation.ts";
import { Limit, named, Time } from "./schema.ts";

const DeadLetter = named(
  "DeadLetter",
  z.object({
    id: z.string(),
    channel: z.string(),
    reason: z.string(),
    at: Time,
    body: z.string().describe("As it came, whether it is an envelope or not"),
  }),
);

const DeadLetterPage = named(
  "DeadLetterPage",
  z.object({ letters: z.array(DeadLetter), nextCursor: z.string().optional() }),
);

const Replayed = named("Replayed", z.object({ id: z.string(), channel: z.string() }));

const Params = z.strictObject({ id: z.string().min(1).max(64) });

/** Everything that can be asked of dead letters. */
export const DEAD_LETTERS = group("dead letters", {
  listDead: operation({
    method: "GET",
    path: "/v1/dead",
    summary: "Lists dead letters",
    right: "operate",
    repeat: "harmless",
    query: z.strictObject({ limit: Limit, cursor: z.string().min(1).max(64).optional() }),
    answers: { 200: { description: "A page", schema: DeadLetterPage } },
    errors: [],
    pages: { entries: "letters", next: "nextCursor", from: "cursor" },
    command: { verb: "dead" },
  }),
  replayDead: operation({
    method: "POST",
    path: "/v1/dead/{id}/replay",
    summary: "Puts a dead letter back into its channel",
    right: "operate",
    repeat: "remembered",
    params: Params,
    answers: { 202: { description: "It is back in its channel", schema: Replayed } },
    errors: ["dead_letter.not_found", "bus.envelope_invalid", "bus.unavailable"],
    command: { verb: "dead replay" },
  }),
  discardDead: operation({
    method: "DELETE",
    path: "/v1/dead/{id}",
    summary: "Discards a dead letter",
    right: "operate",
    repeat: "remembered",
    params: Params,
    answers: { 204: { description: "It is removed" } },
    errors: ["dead_letter.not_found"],
    command: { verb: "dead discard" },
  }),
});
