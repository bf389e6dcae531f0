import assert from "node:assert/strict";
import { groupTemplates, templateOf, templateText } from "./templates.ts";

Deno.test("what varies between errors of one kind is not part of the template", () => {
  const pairs = [
    ["connect ECONNREFUSED 10.0.3.4:5432", "connect ECONNREFUSED 10.0.3.99:6001"],
    ["user 'ann' (id=17) not found in /var/a.db", "user 'bob' (id=4) not found in /srv/x/b.db"],
    ["timeout of 5000ms exceeded", "timeout of 30s exceeded"],
    [
      "lost 9f86d081884c7d65 at 2026-01-01T10:00:00Z",
      "lost 60303ae22b998861 at 2026-02-03T01:02:03Z",
    ],
    ["declined for bob@example.com", "declined for ann@test.example"],
    ["ids 1, 2, 3 are gone", "ids 4, 5 are gone"],
    ["key <email:1a2b> refused", "key <email:ffff> refused"],
  ];

  for (const [a = "", b = ""] of pairs) assert.equal(templateOf(a).id, templateOf(b).id, a);
});

Deno.test("different answers have different templates", () => {
  assert.notEqual(templateOf("failed with 503").id, templateOf("failed with 400").id);
  assert.notEqual(templateOf("disk full").id, templateOf("disk slow").id);
});

Deno.test("a group does not depend on the order in which texts come", () => {
  const texts = ["a", "b", "c", "d"].map((name) =>
    templateOf(`lookup of ${name} in shard failed badly`)
  );

  const forwards = groupTemplates(texts);
  const backwards = groupTemplates(texts.toReversed());

  for (const { id } of texts) assert.equal(forwards.get(id)?.id, backwards.get(id)?.id);
  assert.equal(new Set([...forwards.values()].map(templateText)).size, 1);
});

Deno.test("hostile texts of 256 KiB are cut before they are searched", () => {
  const size = 256 * 1024;
  const texts = ['"', "'\\", "/a", "1,", "a@", "ab1", "0x", "::", "<", "a.", "-1"].map((unit) =>
    unit.repeat(size / unit.length)
  );

  for (const text of texts) assert.ok(templateOf(text).tokens.length <= 48);
});
