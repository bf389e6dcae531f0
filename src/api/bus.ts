/** Routes of the bus: workers without a broker. */

import { z } from "zod";
import { Envelope } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import { Name } from "../core/fields.ts";
import { badRequest } from "./problem.ts";
import { type Route, route } from "./route.ts";
import { named } from "./schema.ts";
import type { Services } from "./services.ts";

/** Envelopes of one poll, or of one reply. */
export const ENVELOPES_MAX = 100;
/** The longest poll. */
export const POLL_MS_MAX = 60_000;
/** How long an envelope is left to its worker. */
export const LEASE_MS_MIN = 1_000;
export const LEASE_MS_MAX = 3_600_000;
const LEASE_MS_DEFAULT = 30_000;

const PollBody = named(
  "Poll",
  z.strictObject({
    max: z.int().min(1).max(ENVELOPES_MAX).default(1),
    waitMs: z.int().min(0).max(POLL_MS_MAX).default(0),
    leaseMs: z.int().min(LEASE_MS_MIN).max(LEASE_MS_MAX).default(LEASE_MS_DEFAULT),
  }).prefault({}),
);

const Wire = named("Envelope", Envelope);
const Polled = named("Polled", z.object({ envelopes: z.array(Wire) }));
/** Anything passes: what is wrong is refused one by one, so that its neighbours are taken. */
const Replies = named(
  "Replies",
  z.union([z.array(Wire).min(1).max(ENVELOPES_MAX), Wire, z.unknown()])
    .describe("One envelope, or a list"),
);
const Taken = named("Taken", z.object({ accepted: z.int() }));

const Params = z.strictObject({ system: Name });
const COMMON = { method: "POST", group: "bus", right: "bus", repeat: "harmless" } as const;

/** One reply of a list that was not taken. */
interface Refused {
  readonly index: number;
  readonly error: unknown;
}

/** Tells of the first reply that was refused, and of its place in a list; the others were taken. */
function demandNone([first, ...more]: readonly Refused[], replies: readonly unknown[]): void {
  if (first === undefined) return;
  const { index, error } = first;
  if (!(error instanceof TaskerError) || replies.length === 1) throw error;
  const said = `Cannot take ${
    more.length + 1
  } of ${replies.length} replies; the first is [${index}]`;
  throw new TaskerError(error.code, `${said}: ${error.message}`, {
    cause: error,
    faults: error.faults.map((fault) => ({ ...fault, path: `${index}.${fault.path}` })),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}

/** All routes of the bus. */
export function busRoutes({ worker, waiting }: Services): readonly Route[] {
  return [
    route({
      ...COMMON,
      path: "/v1/bus/{system}/poll",
      name: "pollBus",
      summary: "Waits for envelopes of a system; those not answered in time come again",
      waits: true,
      params: Params,
      body: PollBody,
      answers: { 200: { description: "None, one or more", schema: Polled } },
      problems: ["system.not_found", "bus.unavailable", "api.busy", "node.draining"],
      async handle({ caller, params: { system }, body, signal }) {
        caller.demandSystem(system);
        const place = waiting.enter(signal, caller);
        try {
          const envelopes = await worker.poll(system, { ...body, signal: place.signal });
          return { status: 200, body: { envelopes } };
        } finally {
          place.leave();
        }
      },
    }),
    route({
      ...COMMON,
      path: "/v1/bus/{system}/replies",
      name: "replyBus",
      summary: "Takes answers of a system; the same answer again is taken and changes nothing",
      params: Params,
      body: Replies,
      answers: { 202: { description: "Journaled, or known already", schema: Taken } },
      problems: ["bus.envelope_invalid", "bus.reply_refused", "mailbox.full", "node.draining"],
      async handle({ caller, params: { system }, body }) {
        caller.demandSystem(system);
        const replies: readonly unknown[] = Array.isArray(body) ? body : [body];
        if (replies.length < 1 || replies.length > ENVELOPES_MAX) {
          throw badRequest(`Cannot take ${replies.length} replies: expected 1 to ${ENVELOPES_MAX}`);
        }
        const refused: Refused[] = [];
        for (const [index, reply] of replies.entries()) {
          await worker.reply(system, reply).catch((error) => refused.push({ index, error }));
        }
        demandNone(refused, replies);
        return { status: 202, body: { accepted: replies.length } };
      },
    }),
  ];
}
