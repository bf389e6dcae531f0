import assert from "node:assert/strict";
import { ManualRuntime } from "../../tests/support/manual_runtime.ts";
import type { KeyRow, Keys } from "../core/ports.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { Access, KEY_CACHE_MS, KEYS_CACHED_MAX } from "./access.ts";

Deno.test("a key is looked up once for all requests that use it at the same time, known or not", async () => {
  for (const secret of ["known", "unknown"]) {
    const { access, keys } = openAccess("known");

    await Promise.allSettled(Array.from({ length: 50 }, () => ask(access, secret)));
    await ask(access, secret).catch(() => {});

    assert.equal(keys.asked, 1, secret);
  }
});

Deno.test("a key that another node removed or made is noticed after KEY_CACHE_MS", async () => {
  const { access, keys, runtime } = openAccess("removed");
  await ask(access, "removed");
  await assert.rejects(ask(access, "made"), { code: "api.unauthorized" });
  keys.secrets.delete("removed");
  keys.secrets.add("made");
  runtime.passedMs = KEY_CACHE_MS;

  await assert.rejects(ask(access, "removed"), { code: "api.unauthorized" });
  await ask(access, "made");
});

Deno.test("unknown keys are kept within a bound and push out no known key", async () => {
  const { access, keys } = openAccess("known");
  await ask(access, "known");
  for (let number = 0; number <= KEYS_CACHED_MAX; number++) {
    await ask(access, `unknown-${number}`).catch(() => {});
  }
  const { asked } = keys;

  await ask(access, "known");
  await ask(access, "unknown-0").catch(() => {});

  assert.equal(keys.asked, asked + 1);
});

Deno.test("a look-up that runs while a key is removed is not cached", async () => {
  const { access, keys } = openAccess("removed");
  const asking = ask(access, "removed");
  keys.secrets.delete("removed");
  access.forget();
  await asking;

  await assert.rejects(ask(access, "removed"), { code: "api.unauthorized" });
});

class Clock extends ManualRuntime {
  passedMs = 0;

  override monotonic(): number {
    return this.passedMs;
  }

  override digest(text: string): string {
    return text;
  }
}

class FakeKeys {
  readonly secrets = new Set<string>();
  asked = 0;

  find(hash: string): Promise<KeyRow | undefined> {
    this.asked++;
    return Promise.resolve(this.secrets.has(hash) ? keyOf(hash) : undefined);
  }
}

function keyOf(hash: string): KeyRow {
  const reach = { namespaces: ["*"], systems: ["*"] };
  return { id: "key", hash, name: "test", scopes: ["read"], createdAtMs: 0, ...reach };
}

function openAccess(known: string) {
  const keys = new FakeKeys();
  keys.secrets.add(known);
  const runtime = new Clock();
  const access = new Access({
    keys: keys as unknown as Keys,
    sessions: { find: () => Promise.resolve(undefined) },
    signIn: { isHttps: false },
    runtime,
    metrics: new Metrics(),
  });
  return { access, keys, runtime };
}

function ask(access: Access, secret: string) {
  return access.authenticate(
    new Request("http://tasker.test/", { headers: { authorization: `Bearer ${secret}` } }),
    "read",
  );
}
