import { equal } from "node:assert/strict";
import { Recent } from "./recent.ts";

Deno.test("Recent keeps as many as it promises, and forgets the others", () => {
  const recent = new Recent<number, string>(100);

  for (let key = 0; key < 1_000; key++) recent.set(key, `value ${key}`);

  for (let key = 900; key < 1_000; key++) equal(recent.get(key), `value ${key}`);
  equal(recent.get(799), undefined);
});

Deno.test("Recent keeps what is used again and again", () => {
  const recent = new Recent<number, string>(10);
  recent.set(-1, "used");

  for (let key = 0; key < 1_000; key++) {
    recent.set(key, "passing");
    equal(recent.get(-1), "used");
  }
});

Deno.test("Recent has what was set last, and nothing that was deleted", () => {
  const recent = new Recent<string, number>(1);
  recent.set("a", 1);
  recent.set("b", 2);
  recent.set("a", 3);

  equal(recent.get("a"), 3);
  recent.delete("a");
  recent.delete("b");
  equal(recent.get("a"), undefined);
  equal(recent.get("b"), undefined);
});
