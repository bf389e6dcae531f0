/** Sign-in at the identity provider, as a browser goes through it: there, back, and to a page. */

import { EVERYTHING, ROLES } from "../core/api_key.ts";
import { TaskerError } from "../core/errors.ts";
import type { IdentityProvider, ProvenPerson, SignInRefusal } from "./deps.ts";
import { Caller } from "./access.ts";
import type { Call, Services } from "./handler.ts";
import { COOKIES, cookieText, makeSessionSecret, SESSION_MS } from "./session_cookie.ts";

/** Where it begins. */
export const PROVIDER_PATH = "/v1/session/provider";

/** Where the provider sends browsers back to; it has to be registered there. */
const RETURN_PATH = `${PROVIDER_PATH}/return`;

/** Where the page is that says why not; what stands after `#` never reaches a server. */
const REFUSED_PATH = "/#sign-in-refused=";

/**
 * Sends a browser to the provider. Its cookie has a secret of which state, nonce and code verifier are
 * made, so that any node can take it back, and no other browser can.
 */
export async function beginSignIn(services: Services, { place }: Call) {
  const provider = providerOf(services);
  const { secret } = makeSessionSecret(services.runtime);
  const begun = await provider.begin({ secret, returnUrl: returnUrlOf(place) });
  if ("refusal" in begun) return refused(services, begun);
  const cookies = [cookieText(COOKIES.signIn, secret, place)];
  return { status: 302, location: begun.url, cookies } as const;
}

/** Signs a browser in that the provider sent back. Whatever session it had before is not taken up. */
export async function finishSignIn(services: Services, { place, signInSecret }: Call) {
  const provider = providerOf(services);
  const { searchParams: query } = new URL(place.url);
  const ended = cookieText(COOKIES.signIn, undefined, place);
  if (signInSecret === undefined) {
    const why = "the browser has no cookie of a sign-in that it began within ten minutes";
    return refused(services, { refusal: "not_begun", why }, [ended]);
  }
  const returnUrl = returnUrlOf(place);
  const proven = await provider.finish({ secret: signInSecret, returnUrl, query });
  if ("refusal" in proven) return refused(services, proven, [ended]);
  const { secret, caller } = await addSession(services, proven);
  const cookies = [ended, cookieText(COOKIES.session, secret, place)];
  return { status: 302, location: "/", cookies, signIn: { caller } } as const;
}

/** Adds a session of a person; it ends by itself, and what they may do then is asked anew. */
async function addSession(
  { sessions, runtime, log }: Services,
  { id, name, role }: ProvenPerson,
): Promise<{ readonly secret: string; readonly caller: Caller }> {
  const { secret, hash } = makeSessionSecret(runtime);
  const nowMs = runtime.now();
  const all = [EVERYTHING];
  const of = { id, name, scopes: ROLES[role], namespaces: all, systems: all, createdAtMs: nowMs };
  await sessions.add({ hash, isLink: false, of: { person: of }, expiresAtMs: nowMs + SESSION_MS });
  log.info("Signed in", { keyId: id, way: "provider", role });
  return { secret, caller: new Caller({ ...of, hash }) };
}

function refused(
  { log }: Services,
  { refusal, why }: SignInRefusal,
  cookies: readonly string[] = [],
) {
  log.warn("Refused a sign-in at the identity provider", { refusal, why });
  return { status: 302, location: REFUSED_PATH + refusal, cookies, signIn: { refusal } } as const;
}

function returnUrlOf({ isHttps, url }: Call["place"]): string {
  return `${isHttps ? "https" : "http"}://${new URL(url).host}${RETURN_PATH}`;
}

/** @throws {TaskerError} api.not_found when there is none */
function providerOf({ signIn }: Services): IdentityProvider {
  if (signIn.provider !== undefined) return signIn.provider;
  throw new TaskerError(
    "api.not_found",
    "Cannot sign in there: no identity provider is configured",
  );
}
