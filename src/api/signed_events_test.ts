import { deepEqual, equal, ok } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import { SIGNATURE_SCHEMES } from "../core/signed_event.ts";
import { SILENT_LOG } from "../telemetry/log.ts";

const START = { workflow: "orders/process" };

async function put(fake: FakeApi, name: string, trigger: object): Promise<number> {
  const body = { type: "order.placed", ...trigger };
  return (await fake.ask(`PUT /v1/triggers/orders/${name}`, { body })).status;
}

/** As the API of tests knows the secret HOOK. */
const SECRET = "secret of the test";

function hmac(text: string, encoding: "base64" | "hex" = "hex"): string {
  return createHmac("sha256", SECRET).update(text).digest(encoding);
}

/** Sends a body as it is, without a key. */
async function sendSigned(
  { api }: FakeApi,
  trigger: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly outcome?: string; readonly task?: string; readonly code?: string }> {
  const url = `http://127.0.0.1/v1/events/orders/${trigger}`;
  const response = await api.fetch(new Request(url, { method: "POST", headers, body }));
  return await response.json();
}

/** The same event as each kind of sender sends it, `ageS` seconds ago. */
function senders(fake: FakeApi, ageS = 0) {
  const at = Math.floor(fake.runtime.now() / 1_000) - ageS;
  const github = JSON.stringify({ id: 5 });
  const whole = JSON.stringify({ id: "e1", type: "order.placed", data: { id: 5 } });
  return {
    standard_webhooks: [whole, {
      "webhook-id": "e1",
      "webhook-timestamp": String(at),
      "webhook-signature": `v1,AAAA v1a,BBBB v1,${hmac(`e1.${at}.${whole}`, "base64")}`,
    }],
    github: [github, {
      "content-type": "text/plain",
      "x-github-event": "order.placed",
      "x-github-delivery": "e1",
      "x-hub-signature-256": `sha256=${hmac(github)}`,
    }],
    stripe: [whole, { "stripe-signature": `t=${at},v0=aa,v1=${hmac(`${at}.${whole}`)}` }],
  } as const;
}

Deno.test("a signed trigger takes events of each kind of sender once, without a key", async () => {
  for (const scheme of SIGNATURE_SCHEMES) {
    const fake = fakeApi();
    await put(fake, scheme, { signed: { scheme, secret: "HOOK" }, start: START });
    const [body, headers] = senders(fake)[scheme];

    const first = await sendSigned(fake, scheme, body, headers);
    const again = await sendSigned(fake, scheme, body, headers);
    const withKey = await fake.json<{ events: readonly { outcome: string }[] }>("POST /v1/events", {
      body: { id: "e1", type: "order.placed" },
      key: fake.key(["events"], ["orders"]),
    });
    await put(fake, scheme, { signed: { scheme, secret: "HOOK" }, start: START, type: "other" });
    const other = await sendSigned(fake, scheme, body, headers);

    deepEqual([first.outcome, other.outcome], ["started", "unmatched"], scheme);
    deepEqual(again, first, scheme);
    deepEqual(withKey.events[0]?.outcome, "unmatched", "a signed trigger takes nothing of keys");
    deepEqual(fake.engine.starts[0]?.input, { id: 5 }, scheme);
    const { calls } = await fake.json<{ calls: { operation: string; by: string }[] }>(
      "GET /v1/audit",
    );
    const [taken] = calls.filter(({ operation }) => operation === "sendSignedEvent");
    equal(taken?.by, `orders/${scheme} (no key)`);
    const source = { "$.event.source": `/v1/events/orders/${scheme}` };
    await put(fake, scheme, { signed: { scheme, secret: "HOOK" }, start: START, filter: source });
    deepEqual((await sendSigned(fake, scheme, body, headers)).outcome, "started");
  }
});

Deno.test("an event that is not signed as its trigger says is refused, without a word on why", async () => {
  for (const scheme of SIGNATURE_SCHEMES) {
    const fake = fakeApi();
    await put(fake, "hook", { signed: { scheme, secret: "HOOK" }, start: START });
    await put(fake, "wrong", { signed: { scheme, secret: "ANOTHER" }, start: START });
    await put(fake, "keys", { start: START });
    const [body, headers] = senders(fake)[scheme];
    const tries: Parameters<typeof sendSigned>[] = [
      [fake, "hook", `${body} `, headers],
      [fake, "hook", body, {}],
      [fake, "wrong", body, headers],
      [fake, "keys", body, headers],
      [fake, "absent", body, headers],
    ];
    if (scheme !== "github") tries.push([fake, "hook", ...senders(fake, 301)[scheme]]);
    if (scheme !== "github") tries.push([fake, "hook", ...senders(fake, -301)[scheme]]);

    for (const one of tries) equal((await sendSigned(...one)).code, "event.not_signed", scheme);

    deepEqual(fake.engine.starts, []);
    const { calls } = await fake.json<{ calls: { operation: string; outcome: string }[] }>(
      "GET /v1/audit",
    );
    const refused = calls.filter(({ operation }) => operation === "sendSignedEvent");
    deepEqual(refused.map(({ outcome }) => outcome), tries.map(() => "event.not_signed"));
  }
});

Deno.test("a trigger whose secret is not named any more says so, and is not put with it", async () => {
  const fake = fakeApi();
  const signed = { scheme: "github", secret: "HOOK" } as const;
  await put(fake, "hook", { signed, start: START });
  const { steps } = (await fake.deps.policies.newest()).get("tasker/triggers:orders")!;
  const gone = { hook: { ...steps.hook, signed: { ...signed, secret: "ABSENT" } } };
  const about = { by: "ada", reason: "", atMs: 0 };
  await fake.deps.policies.put("tasker", "triggers:orders", { ...about, steps: gone }, 1);

  const { triggers } = await fake.json<{ triggers: readonly Record<string, unknown>[] }>(
    "GET /v1/triggers",
  );

  deepEqual(triggers.map(({ refusesAll }) => refusesAll), ["ABSENT is not named"]);
  equal(await put(fake, "hook", { signed: { ...signed, secret: "ABSENT" }, start: START }), 400);
});

Deno.test("a signature is checked wherever it is sent, so how long that takes says nothing", async () => {
  const checked: string[] = [];
  const signatures = {
    isSigned: ({ secret }: { readonly secret: string }) => {
      checked.push(secret);
      return Promise.resolve(secret === "");
    },
  };
  const fake = fakeApi({ signatures });
  await put(fake, "hook", { signed: { scheme: "github", secret: "HOOK" }, start: START });
  await put(fake, "keys", { start: START });
  const { github, stripe } = senders(fake);

  const codes = [];
  for (const name of ["hook", "keys", "absent"]) {
    for (const [body, headers] of [github, stripe]) {
      codes.push((await sendSigned(fake, name, body, headers)).code);
    }
    await sendSigned(fake, name, "{}", {});
  }

  deepEqual(codes, Array(6).fill("event.not_signed"));
  deepEqual(checked, ["HOOK", "HOOK", "", "", "", ""]);
});

Deno.test("many events that are not signed make a sender wait, and those of other triggers not", async () => {
  const release: (() => void)[] = [];
  const signatures = {
    isSigned: () => new Promise<boolean>((done) => release.push(() => done(true))),
  };
  const fake = fakeApi({ signatures });
  const signed = { scheme: "github", secret: "HOOK" };
  for (const name of ["hook", "other"]) await put(fake, name, { signed, start: START });
  const [body, headers] = senders(fake).github;
  const done: string[] = [];
  const send = async (name: string) => {
    await sendSigned(fake, name, body, headers);
    done.push(name);
  };

  const sent = Promise.all([...Array.from({ length: 100 }, () => send("hook")), send("other")]);
  for (let checks = 0; done.length < 101 && checks < 1_000; checks++) {
    await fake.runtime.advance(0);
    release.shift()?.();
  }
  await sent;

  ok(done.indexOf("other") < 10, "it came last, and waits for those that are checked");
  equal(fake.engine.starts.length, 101, "none is refused");
});

Deno.test("senders beyond those that may wait are refused, with one line a second in the log", async () => {
  const lines: string[] = [];
  const log = { ...SILENT_LOG, warn: (text: string) => void lines.push(text) };
  const fake = fakeApi({ log, signatures: { isSigned: () => new Promise(() => {}) } });
  await put(fake, "hook", { signed: { scheme: "github", secret: "HOOK" }, start: START });
  const [body, headers] = senders(fake).github;
  const refused: (string | undefined)[] = [];
  const flood = async (count: number) => {
    const before = refused.length;
    for (let sent = 0; sent < count; sent++) {
      void sendSigned(fake, "hook", body, headers).then(({ code }) => refused.push(code));
    }
    for (let turns = 0; refused.length < before + 5 && turns < 1_000; turns++) {
      await fake.runtime.advance(0);
    }
  };

  await flood(1_009);
  await fake.runtime.advance(1_000);
  await flood(5);

  deepEqual(refused, Array(10).fill("api.busy"));
  equal(lines.length, 2);
});

Deno.test("what a trigger cannot do is an error to whoever signed the event", async () => {
  const fake = fakeApi();
  const signed = { scheme: "github", secret: "HOOK" };
  await put(fake, "hook", { signed, start: { ...START, tags: ["${event.data.name}"] } });
  const [body, headers] = senders(fake).github;
  const text = "no JSON";
  const signature = { ...headers, "x-hub-signature-256": `sha256=${hmac(text)}` };
  const large = "x".repeat(512 * 1024 + 1);

  equal((await sendSigned(fake, "hook", body, headers)).code, "contract.violation");
  equal((await sendSigned(fake, "hook", text, signature)).code, "api.bad_request");
  equal((await sendSigned(fake, "hook", large, headers)).code, "api.too_large");
});
