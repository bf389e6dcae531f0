/** Random workflows for property tests: values of manifests, texts that write them, and edits. */

import fc from "fast-check";
import { stringify } from "yaml";
import type { Edit } from "../core/authoring.ts";
import { type Fields, stepsOf } from "./document.ts";

const NAMES = ["check", "pay", "ship", "notify", "a-1", "x_2", "refund", "rest", "approve", "no"];
const SYSTEMS = ["users", "bank", "shop-2"];

/** Texts that YAML and TypeScript may take for something else. */
const text = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom("plain", "two words", "2.0", "true", "~", "", "yes", "0x1f"),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "a: b",
      "# no comment",
      "it's",
      '"quoted"',
      "a #b",
      "-",
      "- a",
      "[a]",
      "{a: 1}",
      "*x",
      "&x",
      "!t",
      "%",
      "@",
      "`",
      "a,b",
      " lead",
      "trail ",
      "tab\tin",
      "two\nlines",
      "two\nlines\n",
      "\n",
      "a\n\n  b\n",
      "ä ö 😀",
      "\u2028",
      "\u0007",
      "${'$'}$",
      "back\\slash",
      "2026-01-01",
      "1e3",
      "Orders::Handler",
      "?",
      ":",
      "a:",
      "null",
      "<<",
    ),
  },
  { weight: 2, arbitrary: fc.string({ maxLength: 12 }) },
).map((one) => one.toWellFormed().replaceAll("\0", "").replaceAll("$", "$$$$"));

const scalar = fc.oneof(
  text,
  fc.integer({ min: -5, max: 1_000_000 }),
  fc.boolean(),
  fc.constant(null),
);

const duration = fc.oneof(
  fc.integer({ min: 1, max: 90 }).map((count) => `${count}s`),
  fc.integer({ min: 1, max: 90_000 }),
);

const schema = fc.constantFrom<Fields>(
  { type: "object" },
  {
    type: "object",
    required: ["id"],
    properties: { id: { type: "string", pattern: "^a: [b]#$" } },
  },
  { type: "array", items: { type: "integer", minimum: 1 } },
  {
    anyOf: [{ type: "string", enum: ["yes", "no: 1"] }, { type: "null" }],
    description: "it's\ntwo",
  },
);

/** A mapping; references name the input or an earlier step. */
function mapping(earlier: readonly string[]): fc.Arbitrary<unknown> {
  const roots = ["input", ...earlier];
  const reference = fc.tuple(
    fc.constantFrom(...roots),
    fc.constantFrom("", ".id", "[0].a", '["a b"]'),
  )
    .map(([root, path]) => `$.${root}${path}`);
  const inText = fc.tuple(text, fc.constantFrom(...roots)).map(([one, root]) =>
    `x ${one}\${${root}.id}`
  );
  const leaf = fc.oneof(reference, inText, scalar);
  const key = fc.constantFrom("id", "to", "a b", "no", "x:y", "list", "1");
  return fc.oneof(
    leaf,
    fc.dictionary(key, fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(key, leaf)), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  );
}

function optional<T>(field: string, value: fc.Arbitrary<T>): fc.Arbitrary<Fields> {
  return fc.option(value, { nil: undefined, freq: 3 })
    .map((one) => one === undefined ? {} : { [field]: one });
}

function merged(...parts: readonly fc.Arbitrary<Fields>[]): fc.Arbitrary<Fields> {
  return fc.tuple(...parts).map((all) => Object.assign({}, ...all));
}

function step(name: string, earlier: readonly string[]): fc.Arbitrary<Fields> {
  const edges = earlier.length === 0 ? fc.constant<Fields>({}) : optional(
    "depends_on",
    fc.oneof(
      fc.constantFrom(...earlier),
      fc.subarray([...earlier], { minLength: 1 }),
    ),
  );
  const when = earlier.length === 0
    ? fc.constant<Fields>({})
    : optional("when", fc.constantFrom("always", "succeeded"));
  const work = merged(
    optional("timeout", duration),
    optional(
      "retry",
      merged(
        optional("attempts_max", fc.integer({ min: 1, max: 9 })),
        optional("backoff", fc.constantFrom<unknown>("none", "linear", ["1s", 2000])),
      ),
    ),
    optional("on_exhausted", fc.constantFrom("park", "fail")),
    optional("at_most_once", fc.boolean()),
    optional("result", schema),
    optional("error", schema),
  );
  const remote = merged(
    fc.constantFrom(...SYSTEMS).map((owner) => ({ owner })),
    fc.constantFrom({ event_pattern: "a.b" }, { handler: "Orders::Run" }),
    optional("with", mapping(earlier).filter((one) => one !== null)),
    optional("input", schema),
    work,
  );
  const http = merged(
    fc.record({
      method: fc.constantFrom("POST", "PUT"),
      url: fc.constantFrom("https://h.example/a", "https://h.example/${input.id}"),
      body: mapping(earlier),
    }).map((http) => ({ http })),
    work,
  );
  const kinds = fc.oneof(
    { weight: 3, arbitrary: remote },
    http,
    merged(
      mapping(earlier).filter((one) => one !== null).map((transform) => ({ transform })),
      optional("result", schema),
    ),
    duration.map((sleep) => ({ sleep })),
    merged(optional("form", schema), optional("timeout", duration)).map((signal) => ({ signal })),
  );
  return fc.tuple(edges, when, kinds).map(([one, two, three]) => ({
    name,
    ...one,
    ...two,
    ...three,
  }));
}

/** A workflow as a manifest states it. */
export const workflow: fc.Arbitrary<Fields> = fc.subarray(NAMES, { minLength: 1, maxLength: 6 })
  .chain((names) =>
    merged(
      fc.record({
        name: fc.constant("made"),
        namespace: fc.constant("tests"),
        version: fc.constantFrom("1.0.0", "2.0"),
      }),
      optional("description", text),
      optional("deadline", duration),
      optional("failure_policy", fc.constantFrom("fail_fast", "continue_independent")),
      optional("input", schema),
      fc.tuple(...names.map((name, index) => step(name, names.slice(0, index))))
        .map((workflow_steps) => ({ workflow_steps })),
      optional(
        "output",
        merged(
          mapping(names).filter((one) => one !== null).map((one) => ({ with: one })),
          optional("result", schema),
        ),
      ),
    )
  );

/** How a text is laid out. */
export const layout = fc.record({
  indent: fc.constantFrom(2, 4),
  indentSeq: fc.boolean(),
  collectionStyle: fc.constantFrom<"any" | "block" | "flow">("any", "block", "flow"),
  defaultStringType: fc.constantFrom<"PLAIN" | "QUOTE_DOUBLE" | "QUOTE_SINGLE">(
    "PLAIN",
    "QUOTE_DOUBLE",
    "QUOTE_SINGLE",
  ),
  lineWidth: fc.constantFrom(0, 40),
  comments: fc.array(fc.nat(200), { maxLength: 6 }),
  isWindows: fc.boolean(),
});

/** Writes a workflow as somebody else's tool would, with comments here and there. */
export function yamlOf(
  value: Fields,
  { comments, isWindows, ...options }: typeof layout extends fc.Arbitrary<infer L> ? L : never,
): string {
  const lines = stringify(value, { ...options, aliasDuplicateObjects: false }).split("\n");
  if (options.collectionStyle !== "flow") {
    comments.forEach((at, index) => {
      const place = at % lines.length;
      const [indent = ""] = /^ */.exec(lines[place] ?? "") ?? [];
      lines.splice(place, 0, `${indent}# note ${index}`);
    });
  }
  const written = lines.join("\n");
  return isWindows ? written.replaceAll("\n", "\r\n") : written;
}

/** An edit of a workflow; some of them are refused. */
export function editOf(value: Fields): fc.Arbitrary<Edit> {
  const names = stepsOf(value).map(({ name }) => name);
  const name = fc.constantFrom(...names, "nobody");
  const value_ = fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b: c", "d"), scalar, { noNullPrototype: true }),
  );
  const field = fc.constantFrom<(string | number)[]>(
    ["timeout"],
    ["owner"],
    ["with"],
    ["with", "id"],
    ["with", "a b"],
    ["retry", "attempts_max"],
    ["retry"],
    ["result", "properties", "id"],
    ["depends_on"],
    ["depends_on", 0],
    ["http", "body"],
    ["signal", "timeout"],
  );
  return fc.oneof<fc.Arbitrary<Edit>[]>(
    fc.tuple(
      fc.constantFrom("fresh", "new_1", ...names),
      fc.option(name, { nil: undefined }),
      fc.boolean(),
    )
      .chain(([fresh, place, isBefore]) =>
        step(fresh, names).map((one): Edit => ({
          kind: "add_step",
          step: { ...one, name: fresh },
          ...(place !== undefined && { [isBefore ? "before" : "after"]: place }),
        }))
      ),
    name.map((name): Edit => ({ kind: "remove_step", name })),
    fc.tuple(name, fc.constantFrom("fresh", "yes", ...names))
      .map(([name, to]): Edit => ({ kind: "rename_step", name, to })),
    fc.tuple(name, name).map(([from, to]): Edit => ({ kind: "connect", from, to })),
    fc.tuple(name, name).map(([from, to]): Edit => ({ kind: "disconnect", from, to })),
    fc.tuple(name, field, value_)
      .map(([step, field, value]): Edit => ({ kind: "set", step, field, value })),
    fc.tuple(name, field).map(([step, field]): Edit => ({ kind: "unset", step, field })),
    fc.tuple(fc.constantFrom(["description"], ["systems", "users"], ["heal", "tier"]), value_)
      .map(([field, value]): Edit => ({ kind: "set", field, value })),
    fc.constantFrom(["description"], ["input"], ["output"]).map((field): Edit => ({
      kind: "unset",
      field,
    })),
  );
}
