/** The cookies of sessions and sign-ins, and the rule that keeps other sites from using it. */

import { TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";

/** How long a person stays signed in, in milliseconds: a working day. */
export const SESSION_MS = 12 * 3_600_000;

/** How long a sign-in at the identity provider may take, in milliseconds. */
const SIGN_IN_MS = 600_000;

/** A cookie: of a session, or of a sign-in at the identity provider that is under way. */
interface Cookie {
  readonly name: string;
  /** Lax: it is sent as well when the provider sends the browser back. */
  readonly sameSite: "Strict" | "Lax";
  readonly maxAgeMs: number;
}

const SESSION: Cookie = { name: "tasker_session", sameSite: "Strict", maxAgeMs: SESSION_MS };
const SIGN_IN: Cookie = { name: "tasker_sign_in", sameSite: "Lax", maxAgeMs: SIGN_IN_MS };

/** The cookies. */
export const COOKIES = { session: SESSION, signIn: SIGN_IN } as const;

/** Where a browser sees this server. */
interface Place {
  readonly isHttps: boolean;
  /** As the browser has it. */
  readonly url: string;
}

const SECRET = /^[0-9a-f]{64}$/;

/**
 * With the prefix a browser takes it from this host alone, over TLS. Ports of a host share cookies: with
 * the port in their names, two servers do not sign each other's people out.
 */
function nameOf({ name }: Cookie, { isHttps, url }: Place): string {
  const { port } = new URL(url);
  return `${isHttps ? "__Host-" : ""}${name}${port === "" ? "" : `_${port}`}`;
}

/** Makes the secret of a session or a link, and the hash that is kept of it. */
export function makeSessionSecret(
  runtime: Pick<Runtime, "uuid" | "digest">,
): { readonly secret: string; readonly hash: string } {
  const secret = runtime.digest([1, 2, 3].map(() => runtime.uuid()).join());
  return { secret, hash: sessionHash(runtime, secret) };
}

/** The hash of a session's secret: never that of a key. */
export function sessionHash(runtime: Pick<Runtime, "digest">, secret: string): string {
  return runtime.digest(`session ${secret}`);
}

/** Writes a cookie; without a value, one that removes it. */
export function cookieText(cookie: Cookie, value: string | undefined, place: Place): string {
  return [
    `${nameOf(cookie, place)}=${value ?? ""}`,
    "Path=/",
    "HttpOnly",
    `SameSite=${cookie.sameSite}`,
    ...(place.isHttps ? ["Secure"] : []),
    `Max-Age=${value === undefined ? 0 : cookie.maxAgeMs / 1_000}`,
  ].join("; ");
}

/** Reads the secret in a cookie of a request. */
export function secretIn(
  cookie: Cookie,
  { headers, url }: Pick<Request, "headers" | "url">,
  isHttps: boolean,
): string | undefined {
  const name = nameOf(cookie, { isHttps, url });
  for (const part of (headers.get("cookie") ?? "").split(";")) {
    const [key, value = ""] = part.trim().split("=");
    if (key === name && SECRET.test(value)) return value;
  }
  return undefined;
}

/**
 * Refuses a request that changes something and was sent by a page of another site: the browser adds
 * the cookie to it, the person does not know. A request with a key of its own is not concerned.
 *
 * @throws {TaskerError} api.foreign_page
 */
export function demandSameOrigin({ method, headers, url }: Request): void {
  if (method === "GET" || method === "HEAD" || headers.has("authorization")) return;
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const isOwn = site === null
    ? origin === null ? !headers.has("cookie") : URL.parse(origin)?.host === new URL(url).host
    : site === "same-origin";
  if (isOwn) return;
  const from = origin === null
    ? "a page of another site, or a program that sends the cookie"
    : `a page of ${origin.slice(0, 256)}`;
  throw new TaskerError(
    "api.foreign_page",
    `Cannot take this from ${from}: only pages of this server use its session`,
  );
}
