/** Operations of the bus: workers without a broker. */

import { z } from "zod";
import { Envelope } from "../core/envelope.ts";
import { InstanceName, Name } from "../core/fields.ts";
import { group, operation } from "./operation.ts";
import { named } from "./schema.ts";

/** Envelopes of one poll, or of one reply. */
export const ENVELOPES_MAX = 100;
/** The longest poll, in milliseconds. */
const POLL_MS_MAX = 60_000;
/** How long an envelope is left to its worker, in milliseconds. */
const LEASE_MS_MIN = 1_000;
const LEASE_MS_MAX = 3_600_000;
const LEASE_MS_DEFAULT = 30_000;

const PollBody = named(
  "Poll",
  z.strictObject({
    instance: InstanceName.optional()
      .describe(
        "Who polls, as it is registered: an instance that is ejected gets nothing meanwhile",
      ),
    max: z.int().min(1).max(ENVELOPES_MAX).default(1),
    waitMs: z.int().min(0).max(POLL_MS_MAX).default(0),
    leaseMs: z.int().min(LEASE_MS_MIN).max(LEASE_MS_MAX).default(LEASE_MS_DEFAULT),
  }).prefault({}),
);

const EnvelopeDocument = named("Envelope", Envelope);
const Polled = named("Polled", z.object({ envelopes: z.array(EnvelopeDocument) }));
/** Anything passes: each wrong reply is refused alone, so that the others are taken. */
const Replies = named(
  "Replies",
  z.union([z.array(EnvelopeDocument).min(1).max(ENVELOPES_MAX), EnvelopeDocument, z.unknown()])
    .describe("One envelope, or a list of them"),
);
const Taken = named("Taken", z.object({ accepted: z.int() }));

const COMMON = {
  method: "POST",
  right: "bus",
  repeat: "harmless",
  params: z.strictObject({ system: Name }),
} as const;

/** Everything that can be asked of the bus. */
export const BUS = group("bus", {
  pollBus: operation({
    ...COMMON,
    path: "/v1/bus/{system}/poll",
    summary: "Waits for envelopes of a system; one that is not answered in time is sent again",
    longLived: "poll",
    body: PollBody,
    answers: { 200: { description: "None, one or several envelopes", schema: Polled } },
    errors: ["system.not_found", "bus.unavailable", "api.busy", "node.draining"],
  }),
  replyBus: operation({
    ...COMMON,
    path: "/v1/bus/{system}/replies",
    summary: "Takes replies of a system; the same reply again changes nothing",
    body: Replies,
    bodyName: "replies",
    answers: { 202: { description: "Recorded, now or before", schema: Taken } },
    errors: ["bus.envelope_invalid", "bus.reply_refused", "mailbox.full", "node.draining"],
  }),
});
