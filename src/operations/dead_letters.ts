/** Operations of dead letters: envelopes nobody could use. A key sees those of its systems. */

import { z } from "zod";
import { DEAD_LETTER_KINDS } from "../core/ports.ts";
import { group, operation } from "./operation.ts";
import { Limit, named, Time } from "./schema.ts";

/** Letters that one request replays or discards. */
const BATCH_MAX = 1_000;

const Kind = z.enum(DEAD_LETTER_KINDS).describe(
  "An answer to a step, a request, or a command that no worker could use",
);

const SUMMARY = {
  id: z.string(),
  system: z.string().describe("Who sent it, or was to get it"),
  kind: Kind,
  channel: z.string().describe("Where it was, and where a replay puts it"),
  reason: z.string(),
  deliveries: z.int().describe("How often it had been delivered"),
  envelopeId: z.string().optional(),
  bytes: z.int().describe("Of the body"),
  at: Time,
};

const DeadLetterSummary = named("DeadLetterSummary", z.object(SUMMARY));

const DeadLetter = named(
  "DeadLetter",
  z.object({
    ...SUMMARY,
    body: z.string().describe("As it came, whether it is an envelope or not"),
  }),
);

const DeadLetterPage = named(
  "DeadLetterPage",
  z.object({ letters: z.array(DeadLetterSummary), nextCursor: z.string().optional() }),
);

const Replayed = named("Replayed", z.object({ id: z.string(), channel: z.string() }));

const Done = named(
  "DeadLettersDone",
  z.object({
    done: z.int().describe("Letters that were replayed or discarded"),
    refused: z.int().describe("Letters that stay: they never were envelopes"),
    isMore: z.boolean().describe("Whether letters of the filter are left that were not looked at"),
  }),
);

const Params = z.strictObject({ id: z.string().min(1).max(64) });

const SystemName = z.string().min(1).max(128);

const FILTER = {
  kind: Kind.optional(),
  since: Time.optional().describe("Put aside at or after"),
  until: Time.optional().describe("Put aside before"),
};

const SystemParams = z.strictObject({ system: SystemName });

/** A person who replays or discards many says of which system, and how many at the most. */
const Batch = z.strictObject({
  ...FILTER,
  count: z.int().min(1).max(BATCH_MAX).describe("The oldest of them, at most so many"),
});

/** Everything that can be asked of dead letters. */
export const DEAD_LETTERS = group("dead letters", {
  listDead: operation({
    method: "GET",
    path: "/v1/dead",
    summary: "Lists dead letters, oldest first",
    right: "operate",
    repeat: "harmless",
    query: z.strictObject({
      system: SystemName.optional(),
      ...FILTER,
      limit: Limit,
      cursor: z.string().min(1).max(64).optional(),
    }),
    answers: { 200: { description: "A page", schema: DeadLetterPage } },
    errors: [],
    pages: { entries: "letters", next: "nextCursor", from: "cursor" },
    command: { verb: "dead" },
  }),
  getDead: operation({
    method: "GET",
    path: "/v1/dead/{id}",
    summary: "Shows a dead letter with its body",
    right: "operate",
    repeat: "harmless",
    params: Params,
    answers: { 200: { description: "The letter", schema: DeadLetter } },
    errors: ["dead_letter.not_found"],
    command: { verb: "dead show" },
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
    audit: { target: "{id}" },
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
    audit: { target: "{id}" },
  }),
  replayManyDead: operation({
    method: "POST",
    path: "/v1/systems/{system}/dead/replay",
    summary: "Puts dead letters of a system back into their channels",
    right: "operate",
    repeat: "remembered",
    params: SystemParams,
    body: Batch,
    answers: { 200: { description: "What became of them", schema: Done } },
    errors: ["bus.unavailable"],
    command: { verb: "dead replay-many" },
    audit: { target: "{system}" },
  }),
  discardManyDead: operation({
    method: "POST",
    path: "/v1/systems/{system}/dead/discard",
    summary: "Discards dead letters of a system",
    right: "operate",
    repeat: "remembered",
    params: SystemParams,
    body: Batch,
    answers: { 200: { description: "What became of them", schema: Done } },
    errors: [],
    command: { verb: "dead discard-many" },
    audit: { target: "{system}" },
  }),
});
