import assert from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { isOfEngine, withPassword } from "./main_guard.ts";

const ENGINE = new URL("../../actors/command_router.ts", import.meta.url).href;
const WORKFLOW = new URL("../../workflows/hello.ts", import.meta.url).href;
const PACKAGE =
  "file:///home/ada/.cache/deno/npm/registry.npmjs.org/postgres/3.4.9/src/connection.js";

function thrownBy(...files: string[]): Error {
  const error = new Error("boom");
  error.stack = ["Error: boom", ...files.map((file) => `    at go (${file}:1:2)`)].join("\n");
  return error;
}

Deno.test("an error is the engine's when a file of it threw, and no step's code called that", () => {
  assert.ok(isOfEngine(thrownBy(ENGINE)));
  assert.ok(isOfEngine(thrownBy(ENGINE, PACKAGE)));
  assert.ok(isOfEngine(thrownBy("ext:core/01_core.js", ENGINE)));
  assert.ok(!isOfEngine(thrownBy(ENGINE, WORKFLOW)));
  assert.ok(!isOfEngine(thrownBy(WORKFLOW, ENGINE)));
  assert.ok(!isOfEngine(thrownBy(PACKAGE, ENGINE)));
});

Deno.test("an operating error, and what is no error at all, is not a bug of the engine", () => {
  const unreadable = new Proxy({}, {
    getPrototypeOf() {
      throw new Error("trap");
    },
  });

  assert.ok(!isOfEngine(new TaskerError("journal.unavailable", "Postgres is away")));
  assert.ok(!isOfEngine("text"));
  assert.ok(!isOfEngine(unreadable));
});

Deno.test("PGPASSWORD is the password of an address without one", () => {
  const address = "postgres://ada@db.example:5432/tasker?sslmode=require";
  const own = "postgres://ada:hers@db.example/tasker";

  const given = new URL(withPassword(address, "a:b%/@") ?? "");

  assert.equal(decodeURIComponent(given.password), "a:b%/@");
  assert.equal(given.search, "?sslmode=require");
  assert.equal(withPassword(own, "other"), own);
  assert.equal(withPassword(address, undefined), address);
  assert.equal(withPassword(undefined, "alone"), undefined);
});
