import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { ProvenPerson } from "../api/deps.ts";
import { TaskerError } from "../core/errors.ts";
import type { EgressRequest, EgressResponse } from "../core/ports.ts";
import type { OidcConfig } from "./config_oidc.ts";
import { openIdentityProvider } from "./identity_provider.ts";
import { VirtualRuntime } from "./virtual_runtime.ts";

const ISSUER = "https://id.test";
const CONFIG: OidcConfig = {
  issuer: ISSUER,
  clientId: "tasker",
  hasSecret: true,
  tokenOrigin: ISSUER,
  claim: "realm.groups",
  roles: new Map([["ops", "operator"], ["all", "viewer"]]),
};
const SIGN_IN = {
  secret: "ab".repeat(32),
  returnUrl: "https://tasker.test/v1/session/provider/return",
};
const SIGNING = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

const keys = await crypto.subtle.generateKey(
  { ...SIGNING, modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]) },
  true,
  ["sign", "verify"],
);

function base64url(bytes: Uint8Array | string): string {
  const text = typeof bytes === "string" ? bytes : String.fromCharCode(...bytes);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function tokenOf(claims: object, alg = "RS256"): Promise<string> {
  const parts = [{ alg, kid: "one" }, claims].map((part) => base64url(JSON.stringify(part)));
  const bytes = new TextEncoder().encode(parts.join("."));
  const signed = new Uint8Array(await crypto.subtle.sign(SIGNING.name, keys.privateKey, bytes));
  return [...parts, alg === "none" ? "" : base64url(signed)].join(".");
}

/** What the provider does otherwise than it should. */
interface Faults {
  readonly claims?: object;
  readonly alg?: string;
  readonly token?: { readonly status: number; readonly body: object };
  readonly isAway?: boolean;
}

/** How a sign-in ended. */
interface SignedIn {
  readonly refused?: string;
  readonly person?: ProvenPerson;
  /** Of the address that the browser was sent to. */
  readonly asked?: URLSearchParams;
  readonly requests: readonly EgressRequest[];
}

/** Goes through a sign-in; `query` replaces what the provider sends the browser back with. */
async function signIn(
  faults: Faults = {},
  query: Record<string, string> = {},
): Promise<SignedIn> {
  const requests: EgressRequest[] = [];
  let nonce = "";
  const answer = async ({ url }: EgressRequest): Promise<[number, object]> => {
    switch (new URL(url).pathname) {
      case "/.well-known/openid-configuration":
        return [200, {
          issuer: ISSUER,
          authorization_endpoint: `${ISSUER}/auth`,
          token_endpoint: `${ISSUER}/token`,
          jwks_uri: `${ISSUER}/keys`,
          response_types_supported: ["code"],
        }];
      case "/keys": {
        const key = await crypto.subtle.exportKey("jwk", keys.publicKey);
        return [200, { keys: [{ ...key, kid: "one", use: "sig", alg: "RS256" }] }];
      }
      case "/token": {
        if (faults.token) return [faults.token.status, faults.token.body];
        const now = Math.floor(Date.now() / 1_000);
        const claims = { iss: ISSUER, aud: "tasker", sub: "u-1", iat: now, exp: now + 60, nonce };
        const more = { email: "ada@company.com", realm: { groups: ["all", "ops"] } };
        const id_token = await tokenOf({ ...claims, ...more, ...faults.claims }, faults.alg);
        return [200, { access_token: "a", token_type: "Bearer", id_token }];
      }
      default:
        return [404, {}];
    }
  };
  const provider = await openIdentityProvider({
    config: CONFIG,
    runtime: new VirtualRuntime(),
    egress: {
      async request(request): Promise<EgressResponse> {
        requests.push(request);
        if (faults.isAway) throw new TaskerError("egress.failed", "it does not answer");
        const [status, body] = await answer(request);
        const headers = { "content-type": "application/json" };
        return { status, headers, body: new TextEncoder().encode(JSON.stringify(body)) };
      },
    },
  });
  const begun = await provider.begin(SIGN_IN);
  if ("refusal" in begun) return { refused: begun.refusal, requests };
  const asked = new URL(begun.url).searchParams;
  nonce = asked.get("nonce") ?? "";
  const back = { code: "c", state: asked.get("state") ?? "", ...query };
  const proven = await provider.finish({ ...SIGN_IN, query: new URLSearchParams(back) });
  return {
    ...("refusal" in proven ? { refused: proven.refusal } : { person: proven }),
    asked,
    requests,
  };
}

Deno.test("a person has the highest role of their groups, and the name that the provider gives", async () => {
  const { person, asked, requests } = await signIn();

  deepEqual(person, { id: "oidc:u-1", name: "ada@company.com", role: "operator" });
  equal(asked?.get("code_challenge_method"), "S256");
  match(asked?.get("code_challenge") ?? "", /^[\w-]{43}$/);
  ok(!JSON.stringify([...asked ?? []]).includes(SIGN_IN.secret));
  const token = requests.find(({ url }) => url.endsWith("/token"));
  deepEqual(token?.headers.authorization, {
    secret: "TASKER_OIDC_CLIENT_SECRET",
    prefix: "Basic ",
  });
  match(token?.body ?? "", /code_verifier=[0-9a-f]{64}/);
});

const BAD: readonly (readonly [string, string, Faults, Record<string, string>?])[] = [
  ["another state", "not_trusted", {}, { state: "0".repeat(64) }],
  ["another nonce", "not_trusted", { claims: { nonce: "0" } }],
  ["no nonce", "not_trusted", { claims: { nonce: undefined } }],
  ["another audience", "not_trusted", { claims: { aud: "other" } }],
  ["another issuer", "not_trusted", { claims: { iss: "https://evil.test" } }],
  ["a token that has expired", "not_trusted", { claims: { exp: 1_000 } }],
  ["a token without a signature", "not_trusted", { alg: "none" }],
  ["a token signed otherwise", "not_trusted", { alg: "HS256" }],
  ["a subject that no header could carry", "not_trusted", { claims: { sub: "a\nb" } }],
  ["a code that has expired", "not_trusted", {
    token: { status: 400, body: { error: "invalid_grant" } },
  }],
  ["a person who refused", "denied", {}, { error: "access_denied" }],
  ["a person in no known group", "no_role", { claims: { realm: { groups: ["others"] } } }],
  ["a person without groups", "no_role", { claims: { realm: {} } }],
  ["a provider that does not answer", "away", { isAway: true }],
];

for (const [what, refusal, faults, query] of BAD) {
  Deno.test(`${what} is refused as ${refusal}, and nobody is signed in`, async () => {
    const { refused, person } = await signIn(faults, query);

    deepEqual([refused, person], [refusal, undefined]);
  });
}
