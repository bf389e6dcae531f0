import { ok } from "node:assert/strict";
import fc from "fast-check";
import type { Directory } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import { editOf, workflow } from "./_arbitrary.ts";
import { newText } from "./convert.ts";
import type { Fields, Language } from "./document.ts";
import { edit } from "./edit.ts";
import { openModules } from "./module_language.ts";
import { problems } from "./problems.ts";
import { YAML } from "./yaml_language.ts";

const DIRECTORY: Directory = {
  systems: [{ name: "users", capabilities: [{ name: "a.b", effect: "external" }] }],
  hosts: ["h.example"],
};

/** What is put into a text at a random place. */
const PIECES = [
  "",
  " ",
  "\n",
  "x",
  "$",
  ".",
  "{",
  "}",
  "[",
  "]",
  ":",
  '"',
  "'",
  "- ",
  "null",
  ",",
  "#",
  "&a ",
  "*a",
  "1e999",
  "\t",
  "//",
  "/*",
  "`",
  "=>",
];

const damages = fc.array(
  fc.record({ at: fc.nat(2_000), cut: fc.nat(15), put: fc.constantFrom(...PIECES) }),
  { minLength: 1, maxLength: 4 },
);

const values = workflow.chain((value) =>
  fc.tuple(fc.constant(value), fc.array(editOf(value), { maxLength: 3 }))
);

/** What stands where something else is expected. */
const odd = fc.constantFrom<unknown>(null, 5, "", "$.x", [], [null], [[]], {}, { name: 5 }, {
  name: null,
}, true);

function tried(
  language: Language,
  text: string,
  edits: readonly Parameters<typeof edit>[1][number][],
) {
  const reading = language.read("a", text);
  if (!reading.ok) return ok(reading.problems.length > 0);
  for (const one of problems(reading.document, DIRECTORY)) {
    ok(one.at === undefined || one.at.line > 0);
  }
  try {
    problems(edit(reading.document, edits));
  } catch (error) {
    if (!(error instanceof TaskerError) || error.code !== "document.edit_refused") throw error;
  }
}

const LANGUAGES: Readonly<Record<string, Language>> = {
  manifest: YAML,
  module: await openModules(),
};

for (const [what, language] of Object.entries(LANGUAGES)) {
  Deno.test(`a ${what} damaged anywhere is read or has problems, and takes edits or refuses them`, () => {
    fc.assert(
      fc.property(values, damages, ([value, edits], list) => {
        const text = list.reduce(
          (text, { at, cut, put }) => {
            const place = at % text.length;
            return text.slice(0, place) + put + text.slice(place + cut);
          },
          newText(value, language.format),
        );
        tried(language, text, edits);
      }),
      { numRuns: 250 },
    );
  });

  Deno.test(`a ${what} with values that no field can have has problems, and takes edits or refuses them`, () => {
    const places = fc.array(fc.tuple(fc.nat(200), odd), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(values, places, ([value, edits], list) => {
        const broken = list.reduce((value, [at, put]) => replaced(value, at, put), value);
        tried(language, newText(broken, language.format), edits);
      }),
      { numRuns: 250 },
    );
  });
}

/** Puts something into the place of one of the values of a workflow. */
function replaced(value: Fields, at: number, put: unknown): Fields {
  let left = at % Math.max(1, count(value) - 1) + 1;
  const visit = (inner: unknown): unknown => {
    if (left-- === 0) return put;
    if (Array.isArray(inner)) return inner.map(visit);
    if (typeof inner !== "object" || inner === null) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, field]) => [key, visit(field)]));
  };
  return visit(value) as Fields;
}

function count(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + count(inner), 1);
}
