/**
 * How a server and its guard speak, each in a process of its own: over HTTP on this host, with a
 * key. A request is JSON; an answer is the length of a head (4 bytes), the head as JSON, and the
 * body as it came. Whether a text is signed is asked at a path of its own, and answered as JSON.
 */

import http from "node:http";
import { timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import { type ErrorCode, ERRORS, messageOf, TaskerError } from "../core/errors.ts";
import type {
  Egress,
  EgressRequest,
  EgressResponse,
  Runtime,
  Signatures,
  SignedText,
} from "../core/ports.ts";

/** Where the guard is asked whether a text is signed. */
const SIGNATURES_PATH = "/signatures";

/** How long such an answer may take, and how many are asked for at once; others wait. */
const SIGNATURES_MS_MAX = 10_000;
const SIGNATURES_AT_ONCE = 4;

/** Rest before a guard that does not listen is asked again. */
const AWAY_MS = 200;

type Head =
  | Omit<EgressResponse, "body">
  | { readonly code: ErrorCode; readonly message: string };

/**
 * Makes the handler of the guard's process.
 *
 * @param key what a request has to carry
 */
export function answerWith(
  { egress, signatures }: { readonly egress: Egress; readonly signatures: Signatures },
  key: string,
): (request: Request) => Promise<Response> {
  return async (request) => {
    if (!isSame(request.headers.get("authorization") ?? "", `Bearer ${key}`)) {
      return new Response(null, { status: 401 });
    }
    if (new URL(request.url).pathname === SIGNATURES_PATH) {
      return Response.json(await signatures.isSigned(await request.json() as SignedText));
    }
    const asked = await request.json() as EgressRequest;
    try {
      const { body, ...head } = await egress.request({ ...asked, signal: request.signal });
      return framed(head, body);
    } catch (error) {
      const code = error instanceof TaskerError ? error.code : "egress.failed";
      return framed({ code, message: messageOf(error) }, new Uint8Array());
    }
  };
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function framed(head: Head, body: Uint8Array): Response {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return new Response(Buffer.concat([length, text, body]));
}

/** Makes an Egress that asks the guard at `url`, whose password is the key; without one it refuses. */
export function openEgress(
  url: string | undefined,
  runtime?: Pick<Runtime, "after" | "monotonic">,
): Egress {
  if (url === undefined) return { request: () => Promise.reject(closed()) };
  const options = guardAt(url, new http.Agent({ keepAlive: true }));
  return {
    async request({ signal, ...request }) {
      const sent = { ...options, ...(signal && { signal }) };
      const body = JSON.stringify(request);
      const answer = await whileAway(runtime, request.timeoutMs, () => post(sent, body));
      const length = answer.readUInt32BE(0);
      const head = JSON.parse(answer.toString("utf8", 4, 4 + length)) as Head;
      if ("code" in head) throw errorOf(head);
      return { ...head, body: answer.subarray(4 + length) };
    },
  };
}

/** Makes Signatures that ask the guard at `url`; without one nothing is signed. */
export function openGuardSignatures(
  url: string | undefined,
  runtime: Pick<Runtime, "after" | "monotonic">,
): Signatures {
  if (url === undefined) return { isSigned: () => Promise.resolve(false) };
  const agent = new http.Agent({ keepAlive: true, maxSockets: SIGNATURES_AT_ONCE });
  const options = { ...guardAt(url, agent), path: SIGNATURES_PATH };
  return {
    async isSigned(text) {
      const body = JSON.stringify(text);
      const late = new AbortController();
      const sent = { ...options, signal: late.signal };
      const cancel = runtime.after(SIGNATURES_MS_MAX, () => late.abort());
      try {
        const answer = await whileAway(runtime, SIGNATURES_MS_MAX, () => post(sent, body), {
          isHarmless: true,
        });
        return JSON.parse(answer.toString()) === true;
      } catch (cause) {
        if (!late.signal.aborted) throw cause;
        throw new TaskerError(
          "egress.unavailable",
          `Cannot check a signature: the guard has not answered for ${SIGNATURES_MS_MAX / 1_000} s`,
          { cause },
        );
      } finally {
        cancel();
      }
    },
  };
}

function guardAt(url: string, agent: http.Agent): http.RequestOptions {
  const { hostname, port, password } = new URL(url);
  const headers = { authorization: `Bearer ${password}` };
  return { hostname, port, agent, method: "POST", headers };
}

/**
 * Asks again while the guard does not listen: nothing has reached it. A question that is harmless is asked
 * again as well when the guard ended in the middle.
 */
async function whileAway<T>(
  runtime: Pick<Runtime, "after" | "monotonic"> | undefined,
  timeoutMs: number,
  ask: () => Promise<T>,
  { isHarmless = false } = {},
): Promise<T> {
  const until = (runtime?.monotonic() ?? 0) + timeoutMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const mayAskAgain = error instanceof TaskerError && (isHarmless || isAway(error.cause));
      if (!mayAskAgain || runtime === undefined || runtime.monotonic() + AWAY_MS > until) {
        throw error;
      }
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

function closed(): TaskerError {
  return new TaskerError("egress.refused", "Cannot call any host: TASKER_EGRESS names none");
}

function errorOf({ code, message }: { readonly code: string; readonly message: string }): Error {
  return new TaskerError(code in ERRORS ? code as ErrorCode : "egress.failed", message);
}

function post(options: http.RequestOptions, body: string): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const fail = (error: unknown) =>
    reject(
      new TaskerError(
        options.signal?.aborted ? "egress.failed" : "egress.unavailable",
        `Cannot ask the guard of HTTP requests, which is started again: ${messageOf(error)}`,
        { cause: error },
      ),
    );
  const sent = http.request(options, (answer) => {
    const chunks: Uint8Array[] = [];
    answer.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    answer.on("error", fail);
    answer.on("aborted", () => fail("the connection broke"));
    answer.on("end", () => {
      if (answer.statusCode === 200) resolve(Buffer.concat(chunks));
      else fail(answer.statusCode === 503 ? new Away() : `it answered ${answer.statusCode}`);
    });
  });
  sent.on("error", fail);
  sent.end(body);
  return promise;
}
