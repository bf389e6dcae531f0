import { deepEqual, doesNotMatch, equal, match, throws } from "node:assert/strict";
import { readConfig } from "./config.ts";
import { serverEnv, serverFlags } from "./launch.ts";

Deno.test("serverFlags() lists exactly what the server may do", () => {
  const config = readConfig({
    REDIS_URL: "redis://cache",
    TASKER_HOST: "::1",
    TASKER_DATA: "/data",
    TASKER_WORKFLOWS: "/flows",
    TASKER_ALLOW_NET: "api.example.com:443",
    TASKER_ALLOW_ENV: "STRIPE_KEY",
    TASKER_ALLOW_READ: "/etc/ssl",
  });

  const flags = serverFlags({
    config,
    databaseUrl: "postgres://tasker:secret@127.0.0.1:4444/postgres",
    library: { kind: "built", libraryPath: "/project/ffi/libtasker_core.so" },
    root: "/project/engine",
    project: "/project",
  });

  const names = flags.find((one) => one.startsWith("--allow-env="));
  deepEqual(flags.filter((one) => one !== names), [
    "--no-prompt",
    "--no-remote",
    "--v8-flags=--enable-experimental-regexp-engine-on-excessive-backtracks",
    "--config=/project/deno.json",
    "--allow-net=[::1]:8080,127.0.0.1:4444,cache:6379,api.example.com:443",
    "--allow-read=/project/engine/src,/flows,/data,/data/web,/etc/ssl",
    "--allow-write=/data",
    "--deny-read=/data/postgres,/data/admin.key",
    "--deny-write=/data/postgres",
    "--allow-ffi=/project/ffi/libtasker_core.so",
  ]);
  match(
    names ?? "",
    /^--allow-env=BUS_URL,DATABASE_URL,REDIS_URL,.*,PG\*,LOG_STREAM,LOG_TOKENS,REDIS_DEBUG.*,STRIPE_KEY$/,
  );
});

Deno.test("the server does not have the values of secrets, unless its code may read them", () => {
  const config = readConfig({ TASKER_SECRETS: "HOOK,STRIPE_KEY", TASKER_ALLOW_ENV: "STRIPE_KEY" });
  const database = { url: "postgres://127.0.0.1/postgres" };
  const library = { kind: "absent", reason: "a test" } as const;

  const env = serverEnv({ config, database, isDevelopment: false }, library);

  deepEqual([env.HOOK, env.STRIPE_KEY], ["", undefined]);
  equal(env.DATABASE_URL, database.url);
});

Deno.test("serverFlags() allows the servers of the chosen broker, and what its library reads", () => {
  const flags = (env: Readonly<Record<string, string>>) =>
    serverFlags({
      config: readConfig({ ...env, REDIS_URL: "redis://cache" }),
      databaseUrl: "postgres://127.0.0.1/postgres",
      library: { kind: "absent", reason: "a test" },
      root: "/project",
      project: "/project",
    }).join("\n");

  const nats = flags({ BUS_URL: "nats://one:1,two" });
  const postgres = flags({ TASKER_BUS: "postgres" });

  match(nats, /--allow-net=127\.0\.0\.1:8080,127\.0\.0\.1:5432,one:1,two:4222\n/);
  match(postgres, /--allow-net=127\.0\.0\.1:8080,127\.0\.0\.1:5432\n/);
  doesNotMatch(nats + postgres, /REDIS_DEBUG/);
});

Deno.test("serverFlags() refuses a folder with a comma, which would end its name", () => {
  const config = readConfig({ TASKER_DATA: "/data,/etc" });

  const ask = () =>
    serverFlags({
      config,
      databaseUrl: "postgres://127.0.0.1/postgres",
      library: { kind: "absent", reason: "a test" },
      root: "/project",
      project: "/project",
    });

  throws(ask, { code: "config.invalid" });
});
