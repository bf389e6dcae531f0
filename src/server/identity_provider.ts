/**
 * Signs people in by OpenID Connect: authorization code with PKCE (RFC 7636), state and nonce, over the
 * guard of HTTP requests, which alone has the client's secret.
 */

import type * as library from "openid-client";
import type { IdentityProvider, ProvenPerson, ProviderSignIn, SignInRefusal } from "../api/deps.ts";
import { PERSON_PREFIX } from "../api/access.ts";
import type { Role } from "../core/api_key.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { OIDC_SECRET } from "../core/http_call.ts";
import type { Egress, EgressHeader, Runtime } from "../core/ports.ts";
import { visible } from "../core/redaction.ts";
import type { OidcConfig } from "./config_oidc.ts";

/** For one request to the provider. */
const TIMEOUT_MS = 10_000;

/** Bytes of one of its answers. */
const BYTES_MAX = 1_048_576;

/**
 * What the provider says of itself is asked again after this long: a sign-in finds out that it is away
 * before the browser is sent there, and many of them ask it once.
 */
const DISCOVERED_MS = 1_000;

/** Characters of a person's name in journals, and of their id at the provider. */
const NAME_LENGTH_MAX = 80;
const SUBJECT = /^[\x21-\x7e]{1,200}$/;

/** Stands in a header for the client's secret, which this process does not have. */
const SECRET_MARK = "the client secret";

/** What a provider is asked with. */
interface ProviderDeps {
  readonly config: OidcConfig;
  readonly egress: Egress;
  readonly runtime: Pick<Runtime, "digest" | "monotonic">;
}

type Library = typeof library;

/** Loads the library, which only those pay for who have a provider. Nothing is asked yet. */
export async function openIdentityProvider(deps: ProviderDeps): Promise<IdentityProvider> {
  return new OidcProvider(deps, await import("openid-client"));
}

class OidcProvider implements IdentityProvider {
  readonly name: string;
  #known: { readonly server: Promise<library.Configuration>; readonly untilMs: number } | undefined;

  constructor(readonly deps: ProviderDeps, readonly oidc: Library) {
    this.name = new URL(deps.config.issuer).host;
  }

  async begin({ secret, returnUrl }: ProviderSignIn): Promise<{ url: string } | SignInRefusal> {
    try {
      const server = await this.#discover();
      const { state, nonce, verifier } = this.#derive(secret);
      const url = this.oidc.buildAuthorizationUrl(server, {
        redirect_uri: returnUrl,
        scope: "openid profile email",
        code_challenge: await this.oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
        state,
        nonce,
      });
      return { url: url.href };
    } catch (error) {
      return { refusal: "away", why: messageOf(causeOf(error)) };
    }
  }

  async finish({ secret, returnUrl, query }: ProviderSignIn & { readonly query: URLSearchParams }) {
    try {
      const server = await this.#discover();
      const { state, nonce, verifier } = this.#derive(secret);
      const tokens = await this.oidc.authorizationCodeGrant(
        server,
        new URL(`${returnUrl}?${query}`),
        {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        },
      );
      const claims = tokens.claims();
      if (claims === undefined) return { refusal: "not_trusted", why: "no ID token came" } as const;
      const more = claimAt(claims, this.deps.config.claim) === undefined
        ? await this.#userInfo(server, tokens.access_token, claims.sub)
        : {};
      return personOf({ ...more, ...claims }, this.deps.config);
    } catch (error) {
      return this.#refusalOf(error);
    }
  }

  /** What must not be guessed: each another hash of the secret in the browser's cookie. */
  #derive(secret: string) {
    const { digest } = this.deps.runtime;
    const of = (what: string) => digest(`sign in ${what} ${secret}`);
    return { state: of("state"), nonce: of("nonce"), verifier: of("verifier") };
  }

  #discover(): Promise<library.Configuration> {
    const nowMs = this.deps.runtime.monotonic();
    if (this.#known !== undefined && this.#known.untilMs > nowMs) return this.#known.server;
    const { config } = this.deps;
    const { oidc } = this;
    const issuer = new URL(config.issuer);
    const server = oidc.discovery(
      issuer,
      config.clientId,
      undefined,
      config.hasSecret ? withSecret : oidc.None(),
      {
        timeout: TIMEOUT_MS / 1_000,
        [oidc.customFetch]: (url, options) => this.#fetch(url, options),
        execute: [
          // A signature is checked although the token comes from the provider itself.
          oidc.enableNonRepudiationChecks,
          ...(issuer.protocol === "http:" ? [oidc.allowInsecureRequests] : []),
        ],
      },
    );
    this.#known = { server, untilMs: nowMs + DISCOVERED_MS };
    server.catch(() => this.#known = undefined); // the next sign-in asks again
    return server;
  }

  /** Groups that are not in the ID token. Providers differ in where they put them. */
  async #userInfo(server: library.Configuration, token: string, subject: string) {
    if (server.serverMetadata().userinfo_endpoint === undefined) return {};
    return await this.oidc.fetchUserInfo(server, token, subject);
  }

  async #fetch(url: string, options: library.CustomFetchOptions): Promise<Response> {
    const headers = Object.entries(options.headers).map(([name, value]): [string, EgressHeader] => [
      name,
      value === SECRET_MARK ? { secret: OIDC_SECRET, prefix: "Basic " } : value,
    ]);
    const { body } = options;
    const { status, headers: of, body: bytes } = await this.deps.egress.request({
      method: options.method,
      url,
      headers: Object.fromEntries(headers),
      timeoutMs: TIMEOUT_MS,
      bytesMax: BYTES_MAX,
      ...(body === undefined || body === null ? {} : { body: String(body) }),
    });
    const { "content-encoding": _, "content-length": __, ...rest } = of;
    return new Response(status === 204 ? null : new Uint8Array(bytes), { status, headers: rest });
  }

  #refusalOf(error: unknown): SignInRefusal {
    const cause = causeOf(error);
    const why = messageOf(cause);
    if (cause instanceof TaskerError) return { refusal: "away", why };
    const { oidc } = this;
    if (error instanceof oidc.AuthorizationResponseError) {
      const refusal = error.error === "access_denied" ? "denied" : "not_trusted";
      return { refusal, why: visible(error.error).slice(0, NAME_LENGTH_MAX) };
    }
    if (error instanceof oidc.ResponseBodyError) {
      const why = `the provider says ${visible(error.error).slice(0, NAME_LENGTH_MAX)}`;
      return { refusal: error.status >= 500 ? "away" : "not_trusted", why };
    }
    return { refusal: "not_trusted", why };
  }
}

/** The client proves itself by HTTP Basic; the guard has the value. */
const withSecret: library.ClientAuth = (_server, _client, _body, headers) => {
  headers.set("authorization", SECRET_MARK);
};

/** The library wraps what its fetch throws. */
function causeOf(error: unknown): unknown {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof TaskerError || inner.cause === undefined) return inner;
  }
  return error;
}

type Claims = Readonly<Record<string, unknown>>;

/** Reads a claim, which may lie in others: `realm_access.roles`. */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path.split(".").reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Claims)[name]
        : undefined,
    claims,
  );
}

const RANKS: readonly Role[] = ["admin", "operator", "viewer"];

/** Who somebody is, with the highest role of their groups. */
function personOf(claims: Claims, { claim, roles }: OidcConfig): ProvenPerson | SignInRefusal {
  const { sub, name, preferred_username: username, email } = claims;
  if (typeof sub !== "string" || !SUBJECT.test(sub)) {
    return { refusal: "not_trusted", why: "its subject is not visible ASCII characters" };
  }
  const groups = [claimAt(claims, claim)].flat().filter((one) => typeof one === "string");
  const held = groups.flatMap((group) => roles.get(group) ?? []);
  const role = RANKS.find((one) => held.includes(one));
  if (role === undefined) {
    return { refusal: "no_role", why: `subject "${sub}" is in no group of TASKER_OIDC_ROLES` };
  }
  const called = [email, username, name].find((one) => typeof one === "string" && one !== "");
  const shown = visible(String(called ?? sub)).slice(0, NAME_LENGTH_MAX);
  return { id: `${PERSON_PREFIX}${sub}`, name: shown, role };
}
