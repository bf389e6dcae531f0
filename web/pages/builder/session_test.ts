/// <reference lib="deno.ns" />

import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import type { Edit } from "../../../src/core/authoring.ts";
import {
  applyEdits,
  openSession,
  redo,
  replaceText,
  type Session,
  spliceBetween,
  typeText,
  undo,
} from "./session.ts";

const TEXT = `# how orders are paid
name: order   # as the shop calls it
version: 1.0.0
workflow_steps:
  - name: check   # first of all
    sleep: 1s

  - { name: pay, depends_on: check, sleep: '2s' }
`;

function applied(session: Session, edits: readonly Edit[], label = "Edit"): Session {
  const outcome = applyEdits(session, edits, { label });
  ok(outcome.ok);
  return outcome.session;
}

Deno.test("applyEdits() changes one line for one field, and keeps comments and quotes", () => {
  const session = openSession("order.yaml", TEXT);

  const { text } = applied(session, [{
    kind: "set",
    step: "check",
    field: ["sleep"],
    value: "5s",
  }]);

  equal(text, TEXT.replace("sleep: 1s", "sleep: 5s"));
});

Deno.test("undo() takes edits, typing and replaced texts back in one order", () => {
  const first = openSession("order.yaml", TEXT);
  const second = applied(first, [{ kind: "rename_step", name: "pay", to: "charge" }], "Rename pay");
  const third = typeText(second, `${second.text}# end\n`, 1_000);
  const fourth = replaceText(third, "name: other\n", "Open other.yaml");

  const labels = fourth.done.map(({ label }) => label);
  const texts = [undo(fourth), undo(undo(fourth)), undo(undo(undo(fourth)))].map(({ text }) =>
    text
  );

  deepEqual(labels, ["Rename pay", "Type", "Open other.yaml"]);
  deepEqual(texts, [third.text, second.text, TEXT]);
});

Deno.test("redo() makes what was taken back again, until something else is changed", () => {
  const first = openSession("order.yaml", TEXT);
  const second = applied(first, [{ kind: "rename_step", name: "pay", to: "charge" }]);

  const again = redo(undo(second));
  const other = typeText(undo(second), `${TEXT}# end\n`, 1_000);

  equal(again.text, second.text);
  equal(redo(other).text, other.text);
});

Deno.test("typeText() makes one change of letters in a row, and another after a pause", () => {
  let session = openSession("order.yaml", TEXT);
  for (const [index, atMs] of [0, 100, 200, 5_000].entries()) {
    session = typeText(session, `${TEXT}#${"x".repeat(index + 1)}\n`, atMs);
  }

  equal(session.done.length, 2);
  equal(undo(session).text, `${TEXT}#xxx\n`);
  equal(undo(undo(session)).text, TEXT);
});

Deno.test("a text that cannot be read keeps the last document, and refuses edits", () => {
  const session = typeText(openSession("order.yaml", TEXT), `${TEXT}  - {`, 0);

  const outcome = applyEdits(session, [{ kind: "remove_step", name: "pay" }], { label: "Remove" });

  equal(session.reading.ok, false);
  equal(session.document.text, TEXT);
  ok(!outcome.ok);
  equal(outcome.reason, "The text cannot be read (line 9): correct it first");
});

Deno.test("applyEdits() refuses edits that were computed for another text", () => {
  const session = openSession("order.yaml", TEXT);
  const edits: Edit[] = [{ kind: "remove_step", name: "pay" }];

  const outcome = applyEdits(session, edits, { label: "Remove", of: `${TEXT}\n` });

  equal(outcome.ok, false);
});

Deno.test("the stack forgets its oldest changes when they hold too many characters", () => {
  let session = openSession("order.yaml", TEXT);
  for (let index = 0; index < 30; index++) {
    session = replaceText(session, `# ${String(index).repeat(100_000)}\nname: a\n`, "Replace");
  }

  const size = session.done.reduce(
    (sum, { splice }) => sum + splice.removed.length + splice.inserted.length,
    0,
  );

  ok(size <= 4_000_000);
  ok(session.done.length > 5);
});

Deno.test("spliceBetween() makes the second text of the first, whatever they are", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "\n", "é") });
  fc.assert(fc.property(text, text, (before, after) => {
    const { from, removed, inserted } = spliceBetween(before, after);

    equal(before.slice(from, from + removed.length), removed);
    equal(before.slice(0, from) + inserted + before.slice(from + removed.length), after);
  }));
});
