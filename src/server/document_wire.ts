/**
 * How a server and the process that works on documents speak: over HTTP on this host, with a key. A
 * request and its answer are JSON.
 */

import http from "node:http";
import { timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import {
  assert,
  type ErrorCode,
  ERRORS,
  type Fault,
  messageOf,
  TaskerError,
} from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { Perform, Works } from "./document_work.ts";

/** Rest before a process that does not listen is asked again. */
const AWAY_MS = 200;

/** How long it may be away: it starts within a second. */
const AWAY_MS_MAX = 15_000;

/** How long the process may stand still before it is ended: the largest documents take some seconds. */
export const SILENT_MS_MAX = 15_000;

/** How long an answer may take: no work has more than some ten seconds, and it may be slow in them. */
const ANSWER_MS_MAX = 60_000;

/** How long who is refused should wait. */
const BUSY_RETRY_MS = 5_000;

interface Asked {
  readonly kind: keyof Works;
  readonly asked: Works[keyof Works]["asked"];
}

/** What came of a request. */
type Answer =
  | { readonly answer: Works[keyof Works]["answer"] }
  | {
    readonly code: string;
    readonly message: string;
    readonly faults: readonly Fault[];
  }
  | { readonly bug: string };

/**
 * Makes the handler of the process that does the work.
 *
 * @param key what a request has to carry
 * @param open opens the work; called for each request
 */
export function answerWorks(
  key: string,
  open: () => Promise<Perform>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    if (!isSame(request.headers.get("authorization") ?? "", `Bearer ${key}`)) {
      return new Response(null, { status: 401 });
    }
    const { kind, asked } = await request.json() as Asked;
    return Response.json(await answerOf(open, kind, asked));
  };
}

async function answerOf(
  open: () => Promise<Perform>,
  kind: Asked["kind"],
  asked: Asked["asked"],
): Promise<Answer> {
  try {
    const perform = await open();
    return { answer: await perform(kind, asked as never) };
  } catch (error) {
    if (!(error instanceof TaskerError)) return { bug: messageOf(error) };
    const { code, message, faults } = error;
    return { code, message, faults };
  }
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/**
 * Has work done by the process at `url`, whose password is the key.
 *
 * When that process ends in the middle, what it did alone for as long as it may stand still is given up,
 * because it would end the process again. Anything else may have come as the process ended, or beside what
 * ended it: it is tried once more, with nothing beside it, and given up if that ends the process as well.
 */
export function performAt(url: string, runtime: Pick<Runtime, "after" | "monotonic">): Perform {
  const { hostname, port, password } = new URL(url);
  const options = {
    ...{ hostname, port, method: "POST" },
    headers: { authorization: `Bearer ${password}` },
    agent: false, // a connection of its own: one that was kept could belong to a process that has ended
  };
  const running = new Set<{ isAlone: boolean }>();
  const once = async (body: string) => {
    const mine = { isAlone: running.size === 0 };
    let sentMs = 0;
    for (const other of running) other.isAlone = false;
    running.add(mine);
    try {
      return await whileAway(runtime, () => {
        sentMs = runtime.monotonic();
        return post(options, { body, runtime });
      });
    } catch (error) {
      const isToBlame = mine.isAlone && runtime.monotonic() - sentMs >= SILENT_MS_MAX;
      throw error instanceof Broken && isToBlame ? givenUp(error) : error;
    } finally {
      running.delete(mine);
    }
  };
  /** What is tried once more, one after the other; what comes meanwhile waits for it. */
  let again: Promise<unknown> = Promise.resolve();
  return async (kind, asked) => {
    const body = JSON.stringify({ kind, asked });
    for (let seen; seen !== again;) await (seen = again);
    const text = await once(body).catch((error) => {
      if (!(error instanceof Broken)) throw error;
      const second = again.then(() => once(body));
      again = second.catch(() => {});
      return second;
    }).catch((error) => {
      throw error instanceof Broken ? givenUp(error) : error;
    });
    return resultOf(JSON.parse(text) as Answer) as never;
  };
}

/** Asks again while the process does not listen: nothing has reached it. */
async function whileAway(
  runtime: Pick<Runtime, "after" | "monotonic">,
  ask: () => Promise<string>,
): Promise<string> {
  const until = runtime.monotonic() + AWAY_MS_MAX;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Broken) || !isAway(error.cause)) throw error;
      if (runtime.monotonic() + AWAY_MS > until) throw busy(error);
      await new Promise<void>((wake) => void runtime.after(AWAY_MS, wake));
    }
  }
}

/** Nothing listens behind the port that the launcher keeps. */
class Away extends Error {
  override readonly message = "it starts again";
}

function isAway(cause: unknown): boolean {
  const isRefused = cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
  return isRefused || cause instanceof Away;
}

function resultOf(answer: Answer): Works[keyof Works]["answer"] {
  if ("answer" in answer) return answer.answer;
  if ("bug" in answer) throw new Error(answer.bug);
  const { code, message, faults } = answer;
  assert(code in ERRORS, `"${code}" is a code of ours`);
  throw new TaskerError(code as ErrorCode, message, { faults });
}

/** No answer came. */
class Broken extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

function busy(cause: unknown): TaskerError {
  return new TaskerError(
    "api.busy",
    "Cannot work on the document now: the process for that has ended and starts again " +
      `(${messageOf(cause)})`,
    { cause, retryAfterMs: BUSY_RETRY_MS },
  );
}

function givenUp(cause: unknown): TaskerError {
  return new TaskerError(
    "document.given_up",
    "Cannot work on the document: the process for that ended in the middle of it or did not answer, as " +
      `happens when a document takes too long or too much memory (${messageOf(cause)})`,
    { cause },
  );
}

function post(
  options: http.RequestOptions,
  { body, runtime }: { readonly body: string; readonly runtime: Pick<Runtime, "after"> },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const fail = (error: unknown) => reject(new Broken(error));
  const sent = http.request(options, (answer) => {
    const chunks: Uint8Array[] = [];
    answer.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    answer.on("error", fail);
    answer.on("aborted", () => fail("the connection broke"));
    answer.on("end", () => {
      if (answer.statusCode === 200) resolve(Buffer.concat(chunks).toString());
      else fail(answer.statusCode === 503 ? new Away() : `it answered ${answer.statusCode}`);
    });
  });
  sent.on("error", fail);
  sent.end(body);
  const cancel = runtime.after(ANSWER_MS_MAX, () => {
    reject(givenUp(`no answer within ${ANSWER_MS_MAX / 1_000} s`));
    sent.destroy();
  });
  return promise.finally(cancel);
}
