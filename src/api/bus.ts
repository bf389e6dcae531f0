/** Handlers of the bus: workers without a broker. */

import { TaskerError } from "../core/errors.ts";
import { type BUS, ENVELOPES_MAX } from "../operations/bus.ts";
import { badRequest, type Handlers, type Services } from "./handler.ts";

/** Handlers of what workers ask. */
export function busHandlers({ worker, connections }: Services): Handlers<typeof BUS> {
  return {
    async pollBus({ system, ...options }, { caller, signal }) {
      caller.demandSystem(system);
      const connection = connections.open(signal, caller);
      try {
        const envelopes = await worker.poll(system, { ...options, signal: connection.signal });
        return { status: 200, body: { envelopes } };
      } finally {
        connection.release();
      }
    },
    async replyBus({ system, replies: given }, { caller }) {
      caller.demandSystem(system);
      const replies: readonly unknown[] = Array.isArray(given) ? given : [given];
      if (replies.length < 1 || replies.length > ENVELOPES_MAX) {
        throw badRequest(`Cannot accept ${replies.length} replies: expected 1 to ${ENVELOPES_MAX}`);
      }
      const refused: Refused[] = [];
      for (const [index, reply] of replies.entries()) {
        await worker.reply(system, reply).catch((error) => refused.push({ index, error }));
      }
      demandNone(refused, replies);
      return { status: 202, body: { accepted: replies.length } };
    },
  };
}

/** One reply of a list that was not taken. */
interface Refused {
  readonly index: number;
  readonly error: unknown;
}

/**
 * Throws the error of the first reply that was refused, with its place in a list; the others were
 * taken.
 */
function demandNone([first, ...more]: readonly Refused[], replies: readonly unknown[]): void {
  if (first === undefined) return;
  const { index, error } = first;
  if (!(error instanceof TaskerError) || replies.length === 1) throw error;
  const said = `Cannot accept ${
    more.length + 1
  } of ${replies.length} replies; the first is [${index}]`;
  throw new TaskerError(error.code, `${said}: ${error.message}`, {
    cause: error,
    faults: error.faults.map((fault) => ({ ...fault, path: `${index}.${fault.path}` })),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}
