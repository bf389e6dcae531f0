import assert from "node:assert/strict";
import { withPassword } from "./main_seal.ts";

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
