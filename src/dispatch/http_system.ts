/**
 * HTTP systems: the engine takes the commands of a system that has no broker, as a worker would, and
 * sends each envelope to the system's URL. The answer is a reply, or the promise of one.
 */

import { failureOf } from "../core/attempt.ts";
import { commandChannel } from "../core/channels.ts";
import type { Outcome } from "../core/command.ts";
import {
  type Envelope,
  ENVELOPE_BYTES_MAX,
  parseEnvelope,
  STEP_CANCELLED,
} from "../core/envelope.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { type HttpSystem, isRetryable, retryAfterMs } from "../core/http_call.ts";
import type { Egress, EgressResponse, Handled } from "../core/ports.ts";
import { consumeChannels, type EndConsumption, LEASE_MS } from "./consumption.ts";
import { ANSWER_SHOWN_MAX, contractFailure, plainText } from "./failures.ts";
import { isOurs, outcomeOfThrow } from "./http_step.ts";
import { notRetryable } from "./outcome.ts";
import { type ReplyDeps, takeReply, targetOf } from "./replies.ts";

/** Requests to one system at once, on each node. */
const REQUESTS_MAX = 64;

/** Time for one request: shorter than the lease of its envelope. */
const TIMEOUT_MS_MAX = LEASE_MS - 5_000;

/** What calling systems needs. */
export interface HttpSystemDeps extends ReplyDeps {
  readonly egress: Egress;
}

/**
 * Calls a system until the result is called: each envelope is sent as structured JSON, at least once,
 * under the same id.
 *
 * 200 answers with the reply's envelope; 202 promises one, by `POST /v1/bus/{system}/replies`. 408, 425, 429, all
 * from 500 on and no answer at all fail the attempt, which is made again as its policy and
 * `Retry-After` say; any other status fails it for good. Ending aborts what is in flight: it is
 * delivered again, to another node.
 */
export function openHttpSystem(deps: HttpSystemDeps, system: HttpSystem): EndConsumption {
  const controller = new AbortController();
  const { name } = system;
  const channel = commandChannel(deps.prefix, name);
  const end = consumeChannels(deps, [{
    channel,
    group: name,
    inFlightMax: REQUESTS_MAX,
    handle: ({ body }) => deliver(deps, system, { body, signal: controller.signal }),
    deadLetter: (delivery, error) =>
      deps.deadLetters.keep({
        ...delivery,
        system: name,
        channel,
        kind: "command",
        reason: messageOf(error),
      }),
  }]);
  return async () => {
    controller.abort();
    await end();
  };
}

async function deliver(
  deps: HttpSystemDeps,
  system: HttpSystem,
  { body, signal }: { readonly body: string; readonly signal: AbortSignal },
): Promise<Handled> {
  const envelope = parseEnvelope(body);
  const leftMs = timeLeft(envelope, deps.runtime.now());
  if (leftMs <= 0) return { kind: "ack" };
  const send = () =>
    deps.egress.request({
      method: "POST",
      url: system.url,
      headers: {
        accept: "application/cloudevents+json",
        "content-type": "application/cloudevents+json",
        "user-agent": "tasker",
        ...system.headers,
      },
      body,
      timeoutMs: Math.min(leftMs, TIMEOUT_MS_MAX),
      bytesMax: ENVELOPE_BYTES_MAX,
      signal,
    });
  if (envelope.type === STEP_CANCELLED) {
    // It is a request to stop; the reply of a system that does not hear it is dropped.
    await send().catch(() => {});
    return { kind: "ack" };
  }
  const ended = await send().then(
    (answer) => take(deps, system, answer),
    (error) => isOurs(error) ? "interrupted" : outcomeOfThrow(error),
  );
  if (signal.aborted || ended === "interrupted") return { kind: "retry", afterMs: 0 };
  if (ended !== undefined) await record(deps, system, { envelope, outcome: ended });
  return { kind: "ack" };
}

/** An envelope without an end is given the longest time. */
function timeLeft({ expirytime }: Envelope, nowMs: number): number {
  return expirytime === undefined ? TIMEOUT_MS_MAX : Date.parse(String(expirytime)) - nowMs;
}

/** Takes a reply; returns the outcome of an answer that is none, and undefined otherwise. */
async function take(
  deps: HttpSystemDeps,
  system: HttpSystem,
  answer: EgressResponse,
): Promise<Outcome | undefined> {
  const { status, headers, body } = answer;
  if (status === 202) return undefined;
  const text = new TextDecoder().decode(body);
  const what = `System "${system.name}" answered ${status}`;
  if (status === 200) {
    try {
      await takeReply(deps, system.name, JSON.parse(text));
      return undefined;
    } catch (error) {
      if (error instanceof TaskerError && error.retry !== "never") throw error;
      const why = `${what} without a reply that can be taken: ${messageOf(error)}; it answers ` +
        "202 when the reply comes later";
      return notRetryable(contractFailure(why));
    }
  }
  const shown = plainText(text === "" ? what : `${what}: ${text.slice(0, ANSWER_SHOWN_MAX)}`);
  if (!isRetryable(status, {})) {
    return notRetryable(failureOf("undeliverable", shown, codeOf(status)));
  }
  const afterMs = retryAfterMs(headers["retry-after"], deps.runtime.now());
  return {
    kind: "failed",
    failure: failureOf("thrown", shown, codeOf(status)),
    retryable: true,
    ...(afterMs !== undefined && { retryAfterMs: afterMs }),
  };
}

function codeOf(status: number): string {
  return `http_${status}`;
}

/** Ends the attempt that an envelope asked for. */
async function record(
  deps: HttpSystemDeps,
  { name }: HttpSystem,
  { envelope, outcome }: { readonly envelope: Envelope; readonly outcome: Outcome },
): Promise<void> {
  const { taskId, step, attempt } = await targetOf(deps, name, envelope);
  await deps.sink.send({ kind: "RecordStepResult", taskId, step: step.index, attempt, outcome });
}
