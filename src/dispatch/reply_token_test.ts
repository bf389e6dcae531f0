import assert from "node:assert/strict";
import * as fc from "fast-check";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { KEY, TASK } from "../../tests/support/dispatch_harness.ts";
import { type Claims, ReplyTokens, type TokenKey } from "./reply_token.ts";

const EARLIER: TokenKey = { kid: "before", secret: new Uint8Array(32).fill(9).toBase64() };
const LIFE_MS = 60_000;

function opened(...keys: readonly [TokenKey, ...TokenKey[]]) {
  const runtime = new VirtualRuntime();
  const tokens = new ReplyTokens({ runtime, keys });
  const claims: Claims = {
    task: TASK,
    step: "reserve",
    attempt: 2,
    sys: "stock",
    exp: runtime.now() + LIFE_MS,
  };
  return { runtime, tokens, claims };
}

/** Signs a body that `sign` would never make, with the right key. */
function signed(runtime: VirtualRuntime, body: string): string {
  const text = `v1.${KEY.kid}.${
    new TextEncoder().encode(body).toBase64({ alphabet: "base64url" })
  }`;
  const bare = text.replace(/=+$/, "");
  return `${bare}.${runtime.sign(KEY.secret, bare)}`;
}

Deno.test("a token says what it was signed for", () => {
  const { tokens, claims } = opened(KEY);

  const verified = tokens.verify(tokens.sign(claims));

  assert.deepEqual(verified, { ok: true, claims });
});

Deno.test("a token carries names in any script", () => {
  const { tokens, claims } = opened(KEY);
  const named = { ...claims, step: "réservé_预订_💶" };

  const verified = tokens.verify(tokens.sign(named));

  assert.deepEqual(verified, { ok: true, claims: named });
});

Deno.test("a token has the form v1, key id, body and signature", () => {
  const { tokens, claims } = opened(KEY);

  const token = tokens.sign(claims);

  assert.match(token, /^v1\.now\.[\w-]+\.[\w-]{43}$/);
});

Deno.test("the same claims make the same token", () => {
  const { tokens, claims } = opened(KEY);

  assert.equal(tokens.sign(claims), tokens.sign({ ...claims }));
});

Deno.test("no token is refused as missing", () => {
  const { tokens } = opened(KEY);

  assert.deepEqual(tokens.verify(undefined), { ok: false, fault: "token_missing" });
});

Deno.test("a token holds until the very moment it expires", () => {
  const { runtime, tokens, claims } = opened(KEY);
  const token = tokens.sign({ ...claims, exp: runtime.now() });

  assert.equal(tokens.verify(token).ok, true);
});

Deno.test("a token is refused once it is expired", async () => {
  const { runtime, tokens, claims } = opened(KEY);
  const token = tokens.sign(claims);

  await runtime.advance(LIFE_MS + 1);

  assert.deepEqual(tokens.verify(token), { ok: false, fault: "token_expired" });
});

Deno.test("a token of an unknown key is refused, and the key is named", () => {
  const { claims } = opened(KEY);
  const foreign = opened({ ...KEY, kid: "foreign" }).tokens.sign(claims);

  const refused = { ok: false, fault: "token_key_unknown", kid: "foreign" };
  assert.deepEqual(opened(KEY).tokens.verify(foreign), refused);
});

Deno.test("a token that another secret signed under a known key id is refused as forged", () => {
  const { claims } = opened(KEY);
  const forged = opened({ ...EARLIER, kid: KEY.kid }).tokens.sign(claims);

  assert.deepEqual(opened(KEY).tokens.verify(forged), { ok: false, fault: "token_forged" });
});

Deno.test("a token of the key before is verified after a rotation", () => {
  const { tokens, claims } = opened(KEY, EARLIER);
  const before = opened(EARLIER).tokens.sign(claims);

  assert.deepEqual(tokens.verify(before), { ok: true, claims });
});

Deno.test("the first key signs after a rotation", () => {
  const { tokens, claims } = opened(KEY, EARLIER);

  assert.equal(tokens.sign(claims), opened(KEY).tokens.sign(claims));
});

Deno.test("a token of a key that was taken out is not called forged", () => {
  const { claims } = opened(KEY);
  const before = opened(EARLIER).tokens.sign(claims);

  const refused = { ok: false, fault: "token_key_unknown", kid: EARLIER.kid };
  assert.deepEqual(opened(KEY).tokens.verify(before), refused);
});

for (
  const [what, token] of [
    ["nothing", ""],
    ["one part", "v1"],
    ["three parts", "v1.now.e30"],
    ["five parts", "v1.now.e30.x.y"],
    ["another form", "v2.now.e30.x"],
    ["a JWT", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."],
  ] as const
) {
  Deno.test(`a token that is ${what} is refused as malformed`, () => {
    const { tokens } = opened(KEY);

    assert.deepEqual(tokens.verify(token), { ok: false, fault: "token_malformed" });
  });
}

for (
  const [what, body] of [
    ["no JSON", "{"],
    ["no object", "7"],
    ["without claims", "{}"],
    ["with a claim too many", JSON.stringify({ ...opened(KEY).claims, admin: true })],
    ["with attempt 0", JSON.stringify({ ...opened(KEY).claims, attempt: 0 })],
    ["without an end", JSON.stringify({ ...opened(KEY).claims, exp: null })],
  ] as const
) {
  Deno.test(`a signed body ${what} is refused as malformed`, () => {
    const { runtime, tokens } = opened(KEY);

    const verified = tokens.verify(signed(runtime, body));

    assert.deepEqual(verified, { ok: false, fault: "token_malformed" });
  });
}

Deno.test("a token with any character changed is refused", () => {
  const { tokens, claims } = opened(KEY, EARLIER);
  const token = tokens.sign(claims);
  const place = fc.nat(token.length - 1);
  const other = fc.string({ unit: "binary", minLength: 1, maxLength: 1 });

  fc.assert(fc.property(place, other, (at, character) => {
    fc.pre(token[at] !== character);
    const changed = token.slice(0, at) + character + token.slice(at + 1);

    assert.equal(tokens.verify(changed).ok, false);
  }));
});

Deno.test("a token with a character too few or too many is refused", () => {
  const { tokens, claims } = opened(KEY);
  const token = tokens.sign(claims);

  for (let at = 0; at < token.length; at++) {
    assert.equal(tokens.verify(token.slice(0, at) + token.slice(at + 1)).ok, false, `cut ${at}`);
    assert.equal(tokens.verify(`${token.slice(0, at)}A${token.slice(at)}`).ok, false, `put ${at}`);
  }
});

Deno.test("parts of two tokens make no third", () => {
  const { tokens, claims } = opened(KEY);
  const [, , , signature] = tokens.sign(claims).split(".");
  const [form, kid, body] = tokens.sign({ ...claims, attempt: 3 }).split(".");

  const verified = tokens.verify([form, kid, body, signature].join("."));

  assert.deepEqual(verified, { ok: false, fault: "token_forged" });
});
