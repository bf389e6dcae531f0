import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import type { Edit } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import { editOf, layout, workflow, yamlOf } from "./_arbitrary.ts";
import { type Document, type Fields, isSame, stepsOf } from "./document.ts";
import { edit } from "./edit.ts";
import { YAML } from "./yaml_language.ts";

/** Texts that are tried by each law. */
const RUNS = 400;

/** A document; undefined where a comment fell into a text of several lines, so that it says another one. */
function read(value: Fields, text: string): Document | undefined {
  const reading = YAML.read("a.yaml", text);
  return reading.ok && isSame(reading.document.value, value) ? reading.document : undefined;
}

/** Makes an edit; undefined: it is refused because it makes no sense there. */
function tried(document: Document, one: Edit): Document | undefined {
  try {
    return edit(document, [one]);
  } catch (error) {
    ok(error instanceof TaskerError && error.code === "document.edit_refused", `${error}`);
    ok(!/the text would/.test(error.message), `${error.message}\n${JSON.stringify(one)}`);
    return undefined;
  }
}

/** The comments of the generator, which stand nowhere else. */
function commentsIn(text: string): readonly string[] {
  return text.match(/# note \d+/g) ?? [];
}

function changedLines(before: string, after: string): number {
  const [old, now] = [before.split("\n"), after.split("\n")];
  if (old.length !== now.length) return Infinity;
  return old.filter((line, index) => line !== now[index]).length;
}

Deno.test("random edits of random texts say what was meant, or are refused for what they are", () => {
  let [texts, made, refused] = [0, 0, 0];
  fc.assert(
    fc.property(
      workflow.chain((value) =>
        fc.tuple(
          fc.constant(value),
          layout,
          fc.array(editOf(value), { minLength: 1, maxLength: 5 }),
        )
      ),
      ([value, how, edits]) => {
        const text = yamlOf(value, how);
        let document = read(value, text);
        if (document === undefined) return;
        texts++;
        for (const one of edits) {
          const after = tried(document, one);
          if (after === undefined) refused++;
          else made++;
          document = after ?? document;
        }
        const isAdding = edits.every(({ kind }) => kind === "add_step" || kind === "connect");
        if (isAdding) deepEqual(commentsIn(document.text).toSorted(), commentsIn(text).toSorted());
      },
    ),
    { numRuns: RUNS },
  );
  ok(
    texts > RUNS * 0.7 && made > RUNS / 2,
    `${texts} texts, ${made} edits made, ${refused} refused`,
  );
});

Deno.test("setting a field of a step changes one line, and to what it is changes none", () => {
  let tries = 0;
  fc.assert(
    fc.property(workflow, layout, fc.nat(), (value, how, seed) => {
      const text = yamlOf(value, { ...how, lineWidth: 0 });
      const document = read(value, text);
      const step = stepsOf(value).find(({ fields }) => fields.timeout !== undefined);
      if (document === undefined || step === undefined) return;
      tries++;
      const set = (to: unknown): Edit => ({
        kind: "set",
        step: step.name,
        field: ["timeout"],
        value: to,
      });

      equal(edit(document, [set(step.fields.timeout)]).text, text);
      equal(changedLines(text, edit(document, [set(`${seed + 100_000}s`)]).text), 1);
    }),
    { numRuns: RUNS },
  );
  ok(tries > RUNS / 10, `only ${tries} were tried`);
});

Deno.test("a step that is added and removed again leaves the text as it was", () => {
  let tries = 0;
  fc.assert(
    fc.property(workflow, layout, fc.nat(9), fc.boolean(), (value, how, at, isBefore) => {
      const document = read(value, yamlOf(value, how));
      if (document === undefined) return;
      tries++;
      const names = stepsOf(value).map(({ name }) => name);
      const place = { [isBefore ? "before" : "after"]: names[at % names.length] };
      const step = {
        name: "fresh",
        owner: "users",
        event_pattern: "a.b",
        with: { id: "$.input.id" },
      };
      const added = edit(document, [{ kind: "add_step", step, ...place }]);

      equal(edit(added, [{ kind: "remove_step", name: "fresh" }]).text, document.text);
    }),
    { numRuns: RUNS },
  );
  ok(tries > RUNS * 0.7, `only ${tries} were tried`);
});

Deno.test("a text of blank lines keeps them when the entry behind it goes", () => {
  for (const blank of ["  \n", "\n", "  \n\n"]) {
    const text = `name: a\nnamespace: b\nversion: 1.0.0\ndescription: |+\n${blank}input: {}\n` +
      "workflow_steps: [{ name: go, signal: {} }]\n";
    const reading = YAML.read("a.yaml", text);
    ok(reading.ok);

    const { value } = edit(reading.document, [{ kind: "unset", field: ["input"] }]);

    equal(value.description, reading.document.value.description);
    equal(Object.hasOwn(value, "input"), false);
  }
});
