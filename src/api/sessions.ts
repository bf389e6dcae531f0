/** Handlers of sign-in. */

import { TaskerError } from "../core/errors.ts";
import type { KeyRow, Runtime, Sessions } from "../core/ports.ts";
import { timeText } from "../operations/schema.ts";
import type { SESSIONS } from "../operations/sessions.ts";
import { Caller } from "./access.ts";
import type { Handlers, Services } from "./handler.ts";
import { beginSignIn, finishSignIn, PROVIDER_PATH } from "./provider_sign_in.ts";
import { keyDocument } from "./keys.ts";
import {
  COOKIES,
  cookieText,
  makeSessionSecret,
  SESSION_MS,
  sessionHash,
} from "./session_cookie.ts";

/** How long a link works, in milliseconds. */
const LINK_MS = 3_600_000;

/** Where a browser follows a link; what stands after `#` never reaches a server, nor its log. */
const LINK_PATH = "/#sign-in=";

/** Handlers of everything that signs in and out. */
export function sessionHandlers(services: Services): Handlers<typeof SESSIONS> {
  const { access, sessions, runtime, log, signIn } = services;
  return {
    getSignInWays: () =>
      Promise.resolve({
        status: 200,
        body: signIn.provider === undefined
          ? {}
          : { provider: { name: signIn.provider.name, path: PROVIDER_PATH } },
      }),
    beginSignIn: (_input, call) => beginSignIn(services, call),
    finishSignIn: (_input, call) => finishSignIn(services, call),
    async makeSession({ secret: given, way }, { place }) {
      const row = way === "link" ? await followLink(services, given) : await access.identify(given);
      const { secret, hash } = makeSessionSecret(runtime);
      const expiresAtMs = Math.min(runtime.now() + SESSION_MS, row.expiresAtMs ?? Infinity);
      await sessions.add({ hash, isLink: false, of: { keyId: row.id }, expiresAtMs });
      log.info("Signed in", { keyId: row.id, way });
      return {
        status: 201,
        body: keyDocument({ ...row, expiresAtMs }),
        signIn: { caller: new Caller(row) },
        cookies: [cookieText(COOKIES.session, secret, place)],
      };
    },
    async endSession(_input, { caller, place }) {
      // A request with a key has no session: there is nothing under the key's hash.
      await sessions.remove(caller.key.hash);
      access.forget();
      return { status: 204, cookies: [cookieText(COOKIES.session, undefined, place)] };
    },
    async makeSignInLink(_input, { caller }) {
      if (caller.isPerson) {
        throw new TaskerError(
          "api.forbidden",
          "Cannot make a link: it signs in with a key, and you signed in without one",
        );
      }
      return { status: 201, body: await makeLink(services, caller.key) };
    },
  };
}

/** Makes a link for a key. */
export async function makeLink(
  { sessions, runtime }: { readonly sessions: Sessions; readonly runtime: Runtime },
  key: Pick<KeyRow, "id" | "expiresAtMs">,
): Promise<{ readonly path: string; readonly expiresAt: string }> {
  const { secret, hash } = makeSessionSecret(runtime);
  const expiresAtMs = Math.min(runtime.now() + LINK_MS, key.expiresAtMs ?? Infinity);
  await sessions.add({ hash, isLink: true, of: { keyId: key.id }, expiresAtMs });
  return { path: `${LINK_PATH}${secret}`, expiresAt: timeText(expiresAtMs) };
}

/** Uses a link up. @throws {TaskerError} api.unauthorized */
async function followLink({ sessions, runtime }: Services, link: string): Promise<KeyRow> {
  const row = await sessions.takeLink(sessionHash(runtime, link));
  if (row !== undefined && (row.expiresAtMs ?? Infinity) > runtime.now()) {
    const { expiresAtMs: _, ...key } = row;
    return key;
  }
  throw new TaskerError(
    "api.unauthorized",
    "Cannot follow the link: it has been used, or an hour has passed since it was made",
  );
}
