import { deepEqual, equal, match, ok } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";
import type { IdentityProvider } from "./deps.ts";
import { KEY_CACHE_MS } from "./access.ts";

type Fake = ReturnType<typeof fakeApi>;

const SAME_ORIGIN = { "sec-fetch-site": "same-origin" };

/** Signs in as the page does. */
async function signIn(fake: Fake, body: unknown) {
  const response = await fake.ask("POST /v1/session", { key: "", body, headers: SAME_ORIGIN });
  const cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
  return { response, cookie };
}

function asked(fake: Fake, line: string, headers: Record<string, string>) {
  return fake.ask(line, { key: "", headers });
}

Deno.test("a session has the rights of its key, and scripts cannot read its cookie", async () => {
  const fake = fakeApi();
  const key = fake.key(["read"]);

  const { response, cookie } = await signIn(fake, { secret: key });

  equal(response.status, 201);
  match(
    response.headers.get("set-cookie") ?? "",
    /^tasker_session=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/,
  );
  ok(!(await response.text()).includes(key));
  equal((await asked(fake, "GET /v1/tasks", { cookie })).status, 200);
  equal((await asked(fake, "GET /v1/keys", { cookie })).status, 403);
});

Deno.test("over TLS the cookie belongs to this host alone", async () => {
  const fake = fakeApi({ signIn: { isHttps: true, provider: undefined } });

  const { response } = await signIn(fake, { secret: fake.key(["read"]) });

  match(response.headers.get("set-cookie") ?? "", /^__Host-tasker_session=.*; Secure; /);
});

Deno.test("a session ends with its key, at its time, and at a sign-out", async () => {
  const fake = fakeApi();
  const states = async (...cookies: readonly string[]) => {
    await fake.runtime.advance(KEY_CACHE_MS);
    const answers = cookies.map((cookie) => asked(fake, "GET /v1/tasks", { cookie }));
    return (await Promise.all(answers)).map(({ status }) => status);
  };
  const [one, other] = [fake.key(["read"]), fake.key(["read"])];
  const removed = fake.keyRows.at(-2)?.id;
  const [{ cookie: first }, { cookie: second }, { cookie: third }] = [
    await signIn(fake, { secret: one }),
    await signIn(fake, { secret: other }),
    await signIn(fake, { secret: other }),
  ];

  deepEqual(await states(first, second, third), [200, 200, 200]);
  await fake.ask(`DELETE /v1/keys/${removed}`);
  deepEqual(await states(first, second, third), [401, 200, 200]);
  await asked(fake, "DELETE /v1/session", { cookie: second, ...SAME_ORIGIN });
  deepEqual(await states(first, second, third), [401, 401, 200]);
  await fake.runtime.advance(12 * 3_600_000);
  deepEqual(await states(first, second, third), [401, 401, 401]);
});

Deno.test("a page of another site changes nothing with the session of this one", async () => {
  const fake = fakeApi();
  const { cookie } = await signIn(fake, { secret: fake.key(["admin"]) });
  const line = "DELETE /v1/session";
  const statusOf = async (headers: Record<string, string>) =>
    (await asked(fake, line, { cookie, ...headers })).status;

  equal(await statusOf({ "sec-fetch-site": "cross-site" }), 403);
  equal(await statusOf({ "sec-fetch-site": "same-site" }), 403);
  equal(await statusOf({ origin: "https://evil.example" }), 403);
  equal(await statusOf({}), 403, "a cookie alone is no proof");
  const secret = fake.key(["read"]);
  const foreign = { "sec-fetch-site": "cross-site" };
  const login = { key: "", body: { secret }, headers: foreign };
  equal((await fake.ask("POST /v1/session", login)).status, 403, "nobody is signed in from there");
  const refused = await asked(fake, line, { cookie, origin: "https://evil.example" });
  const { code, detail } = await refused.json();
  equal(code, "api.foreign_page", "another key would not help");
  match(detail, /a page of https:\/\/evil\.example:/);
  equal(await statusOf({ "sec-fetch-site": "same-origin" }), 204);
});

Deno.test("a link signs one browser in, once, within an hour", async () => {
  const fake = fakeApi();
  const key = fake.key(["read"]);
  const makeLink = async () => {
    const { path } = await fake.json<{ path: string }>("POST /v1/session/links", { key });
    return path.replace("/#sign-in=", "");
  };
  const [used, late] = [await makeLink(), await makeLink()];

  const first = await signIn(fake, { secret: used, way: "link" });
  const again = await signIn(fake, { secret: used, way: "link" });
  await fake.runtime.advance(3_600_000);
  const tooLate = await signIn(fake, { secret: late, way: "link" });

  deepEqual([first, again, tooLate].map(({ response }) => response.status), [201, 401, 401]);
  equal((await asked(fake, "GET /v1/tasks", { cookie: first.cookie })).status, 200);
});

Deno.test("neither a link nor a session stands for a key elsewhere", async () => {
  const fake = fakeApi();
  const key = fake.key(["read"]);
  const { cookie } = await signIn(fake, { secret: key });
  const { path } = await fake.json<{ path: string }>("POST /v1/session/links", { key });
  const link = path.replace("/#sign-in=", "");

  equal((await fake.ask("GET /v1/tasks", { key: cookie.split("=")[1] ?? "" })).status, 401);
  equal((await fake.ask("GET /v1/tasks", { key: link })).status, 401);
  equal((await asked(fake, "GET /v1/tasks", { cookie: `tasker_session=${link}` })).status, 401);
});

/** An API whose provider knows one person. */
function withProvider() {
  const provider: IdentityProvider = {
    name: "id.test",
    begin: ({ secret }) => Promise.resolve({ url: `https://id.test/auth?state=${secret.length}` }),
    finish: () => Promise.resolve({ id: "oidc:u-1", name: "ada", role: "operator" }),
  };
  return fakeApi({ signIn: { isHttps: false, provider } });
}

const RETURN = "GET /v1/session/provider/return?code=c&state=s&session_state=more";

function cookiesOf(response: Response): readonly string[] {
  return response.headers.getSetCookie();
}

Deno.test("a person signed in at the provider acts by the scopes of their role, under their own name", async () => {
  const fake = withProvider();
  const begun = await asked(fake, "GET /v1/session/provider", {});
  const [mine = ""] = cookiesOf(begun);
  match(mine, /^tasker_sign_in=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/);

  const back = await asked(fake, RETURN, { cookie: mine.split(";")[0] ?? "" });

  deepEqual([back.status, back.headers.get("location")], [302, "/"]);
  const [ended = "", session = ""] = cookiesOf(back);
  match(ended, /^tasker_sign_in=; .*Max-Age=0$/);
  match(session, /^tasker_session=[0-9a-f]{64}; .*SameSite=Strict/);
  const cookie = session.split(";")[0] ?? "";
  const statusOf = async (line: string) =>
    (await asked(fake, line, { cookie, ...SAME_ORIGIN })).status;
  equal(await statusOf("GET /v1/tasks"), 200);
  equal(await statusOf("GET /v1/keys"), 403);
  equal(await statusOf("POST /v1/session/links"), 403, "there is no key for a link");
  const id = await fake.started();
  await fake.ask(`POST /v1/tasks/${id}/pause`, {
    ...{ key: "", headers: { cookie, ...SAME_ORIGIN }, body: { by: "somebody else" } },
  });
  deepEqual(fake.engine.commands.map((command) => "by" in command && command.by), [
    "ada (oidc:u-1)",
  ]);
});

/** Who, what and what came of it, the oldest first. */
async function auditOf({ deps, runtime }: Fake) {
  await runtime.settle();
  const { rows } = await deps.audit.list({}, 200);
  return rows.toReversed().map(({ by, target, outcome }) => [by, target, outcome]);
}

Deno.test("each sign-in is in the audit with who it was, and a refused one with why", async () => {
  const fake = withProvider();
  const key = fake.key(["read"]);
  const link = await fake.json<{ path: string }>("POST /v1/session/links", { key });
  const secret = link.path.replace("/#sign-in=", "");

  await signIn(fake, { secret: key });
  for (const way of ["link", "link", "key"]) await signIn(fake, { secret, way });
  const [mine = ""] = cookiesOf(await asked(fake, "GET /v1/session/provider", {}));
  await asked(fake, RETURN, { cookie: mine.split(";")[0] ?? "" });
  await asked(fake, RETURN, {});

  const who = `tester (key ${fake.keyRows.at(-1)?.id})`;
  const nobody = "nobody (no key)";
  deepEqual((await auditOf(fake)).slice(1), [
    [who, "a session by key", "done"],
    [who, "a session by link", "done"],
    [nobody, "a session by link", "api.unauthorized"],
    [nobody, "a session by key", "api.unauthorized"],
    ["ada (oidc:u-1)", "a session by the identity provider", "done"],
    [nobody, "a session by the identity provider", "not_begun"],
  ]);
});

Deno.test("refused sign-ins do not flood the audit: those of a minute beyond ten are counted", async () => {
  const fake = fakeApi();

  for (let count = 0; count < 50; count++) await signIn(fake, { secret: `wrong ${count}` });
  const flooded = await auditOf(fake);
  await fake.ask("POST /v1/events/shop/orders", { key: "" });
  await fake.runtime.advance(60_000);
  await signIn(fake, { secret: "wrong" });
  await signIn(fake, { secret: fake.key() });

  equal(flooded.length, 10);
  deepEqual((await auditOf(fake)).slice(10).map(([, target]) => target), [
    "a session by key (before it, 39 more were refused)",
    "shop/orders",
    "a session by key",
    "a session by key",
  ]);
});

Deno.test("refused sign-ins that have no row when the server ends, or the next one comes, are counted once", async () => {
  const fake = fakeApi();
  const flood = async (count: number) => {
    for (let one = 0; one < count; one++) await signIn(fake, { secret: "wrong" });
  };

  await flood(12);
  await signIn(fake, { secret: fake.key() });
  await fake.runtime.advance(60_000);
  await flood(13);
  await fake.api.settle();

  const { rows } = await fake.deps.audit.list({}, 100);
  deepEqual(rows.map(({ target }) => target).filter((target) => target.includes("before")), [
    "a session by key (before it, 2 more were refused)",
    "a session by key (before it, 2 more were refused)",
  ]);
  equal(rows.length, 10 + 1 + 10 + 1);
});

Deno.test("a browser that began no sign-in is not signed in by an answer of the provider", async () => {
  const fake = withProvider();
  const { cookie } = await signIn(fake, { secret: fake.key(["admin"]) });

  for (const headers of [{}, { cookie }, { cookie: "tasker_sign_in=short" }]) {
    const back = await asked(fake, RETURN, headers as Record<string, string>);

    deepEqual([back.status, back.headers.get("location")], [302, "/#sign-in-refused=not_begun"]);
    ok(cookiesOf(back).every((one) => !one.startsWith("tasker_session")));
  }
});

Deno.test("without a provider its paths do not exist", async () => {
  const fake = fakeApi();

  equal((await asked(fake, "GET /v1/session/provider", {})).status, 404);
  equal((await asked(fake, RETURN, {})).status, 404);
});
