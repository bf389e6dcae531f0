import { deepEqual, equal, throws } from "node:assert/strict";
import { findVerb, readArguments, UsageError, usageOf, type VerbShape } from "./verb.ts";

const RESOLVE: VerbShape = {
  name: "resolve",
  operands: ["ID", "STEP"],
  options: { result: { value: "JSON|@file", isRequired: true }, by: { value: "TEXT" }, loud: {} },
  summary: "Gives a step its result",
};
const DEAD: VerbShape = { name: "dead", operands: [], options: {}, summary: "Dead letters" };
const REPLAY: VerbShape = { ...DEAD, name: "dead replay" };

function refusal(...typed: string[]): string {
  try {
    readArguments(RESOLVE, typed);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "";
}

Deno.test("readArguments() takes operands and options in any order", () => {
  const expected = { operands: ["t", "s"], options: [["result", "1"], ["loud", ""]] };

  for (
    const typed of [
      ["t", "s", "--result", "1", "--loud"],
      ["--result=1", "t", "--loud", "s"],
      ["t", "--result=1", "--loud", "--", "s"],
    ]
  ) {
    const { operands, options } = readArguments(RESOLVE, typed);
    deepEqual({ operands, options: [...options] }, expected);
  }
});

Deno.test("readArguments() takes values that begin with a dash or hold an equals sign", () => {
  const { options } = readArguments(RESOLVE, ["t", "s", "--result", "-1", "--by=a=b"]);

  deepEqual([...options], [["result", "-1"], ["by", "a=b"]]);
});

Deno.test("readArguments() says what is wrong, and what was meant", () => {
  deepEqual([
    refusal("t"),
    refusal("t", "s"),
    refusal("t", "s", "u", "--result", "1"),
    refusal("t", "s", "--resutl", "1"),
    refusal("t", "s", "-x"),
    refusal("t", "s", "--constructor"),
    refusal("t", "s", "--result"),
    refusal("t", "s", "--result", "--loud"),
    refusal("t", "s", "--result", "1", "--result", "2"),
    refusal("t", "s", "--result", "1", "--loud=yes"),
  ], [
    'Cannot run "resolve": STEP is missing',
    'Cannot run "resolve": --result is missing',
    'Cannot run "resolve": "u" is one word too many',
    'Cannot read "--resutl": resolve has no such option, did you mean "--result"?',
    'Cannot read "-x": resolve has no such option',
    'Cannot read "--constructor": resolve has no such option',
    'Cannot read "--result": its value is missing',
    'Cannot read "--result": its value is missing',
    'Cannot read "--result": it is given twice',
    'Cannot read "--loud=yes": --loud takes no value',
  ]);
});

Deno.test("readArguments() demands nothing of who asks for help", () => {
  equal(readArguments(RESOLVE, ["--help"]).options.has("help"), true);
  equal(readArguments(RESOLVE, ["-h"]).options.has("help"), true);
});

Deno.test("findVerb() takes the verb with the longest name", () => {
  const find = (...typed: string[]) => findVerb([DEAD, REPLAY], typed);

  deepEqual(find("dead"), { verb: DEAD, rest: [] });
  deepEqual(find("dead", "--json"), { verb: DEAD, rest: ["--json"] });
  deepEqual(find("dead", "replay", "d1"), { verb: REPLAY, rest: ["d1"] });
});

Deno.test("findVerb() suggests the nearest verb", () => {
  const find = (...typed: string[]) => findVerb([RESOLVE, DEAD, REPLAY], typed);

  throws(() => find("reslove"), {
    message: 'Cannot run "reslove": there is no such verb, did you mean "resolve"?',
  });
  throws(() => find("dead", "reply"), {
    message: 'Cannot run "dead reply": there is no such verb, did you mean "dead replay"?',
  });
  throws(() => find("fly"), { message: 'Cannot run "fly": there is no such verb' });
});

Deno.test("usageOf() shows what may be left out in brackets", () => {
  equal(usageOf(RESOLVE), "resolve ID STEP --result JSON|@file [--by TEXT] [--loud] [--json]");
  equal(usageOf({ ...DEAD, operands: ["[ID]"] }), "dead [ID] [--json]");
});
