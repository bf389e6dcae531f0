import { deepEqual, equal, match, ok } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";
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
