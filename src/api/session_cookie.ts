/** The cookie of a session, and the rule that keeps other sites from using it. */

import { TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";

/** How long a person stays signed in, in milliseconds: a working day. */
export const SESSION_MS = 12 * 3_600_000;

/** With the prefix a browser takes it from this host alone, over TLS. */
const NAMES = { plain: "tasker_session", secure: "__Host-tasker_session" };

const SECRET = /^[0-9a-f]{64}$/;

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

/** Writes the cookie; without a secret, one that removes it. */
export function sessionCookie(secret: string | undefined, isHttps: boolean): string {
  return [
    `${isHttps ? NAMES.secure : NAMES.plain}=${secret ?? ""}`,
    "Path=/",
    "HttpOnly",
    "SameSite=Strict",
    ...(isHttps ? ["Secure"] : []),
    `Max-Age=${secret === undefined ? 0 : SESSION_MS / 1_000}`,
  ].join("; ");
}

/** Reads the secret of a session from a request. */
export function sessionSecretOf(headers: Headers, isHttps: boolean): string | undefined {
  const name = isHttps ? NAMES.secure : NAMES.plain;
  for (const cookie of (headers.get("cookie") ?? "").split(";")) {
    const [key, value = ""] = cookie.trim().split("=");
    if (key === name && SECRET.test(value)) return value;
  }
  return undefined;
}

/**
 * Refuses a request that changes something and was sent by a page of another site: the browser adds
 * the cookie to it, the person does not know. A request with a key of its own is not concerned.
 *
 * @throws {TaskerError} api.forbidden
 */
export function demandSameOrigin({ method, headers, url }: Request): void {
  if (method === "GET" || method === "HEAD" || headers.has("authorization")) return;
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const isOwn = site === null
    ? origin === null ? !headers.has("cookie") : URL.parse(origin)?.host === new URL(url).host
    : site === "same-origin";
  if (isOwn) return;
  throw new TaskerError(
    "api.forbidden",
    "Cannot take this from a page of another site: only pages of this server use its session",
  );
}
