import { deepEqual, equal, throws } from "node:assert/strict";
import { findVerb, readArguments, UsageError, usageOf, type VerbShape } from "./arguments.ts";

const RESOLVE: VerbShape = {
  name: "resolve",
  operands: ["ID", "STEP"],
  options: { result: "JSON", by: "TEXT", loud: "flag" },
  required: ["result"],
  summary: "Gives a step its result",
};
const DEAD: VerbShape = { name: "dead", operands: ["[ID]"], options: {}, summary: "Dead letters" };

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
    refusal("t", "s", "--result"),
    refusal("t", "s", "--result", "--loud"),
    refusal("t", "s", "--result", "1", "--result", "2"),
    refusal("t", "s", "--result", "1", "--loud=yes"),
  ], [
    "Cannot resolve: STEP is missing",
    "Cannot resolve: --result is missing",
    'Cannot resolve: "u" is one word too many',
    'Cannot read "--resutl": resolve has no such option, did you mean "--result"?',
    'Cannot read "-x": resolve has no such option',
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

Deno.test("findVerb() suggests the nearest verb", () => {
  equal(findVerb([RESOLVE, DEAD], "dead"), DEAD);
  throws(() => findVerb([RESOLVE, DEAD], "reslove"), {
    message: 'Cannot do "reslove": there is no such verb, did you mean "resolve"?',
  });
  throws(() => findVerb([RESOLVE, DEAD], "fly"), {
    message: 'Cannot do "fly": there is no such verb',
  });
});

Deno.test("usageOf() shows what may be left out in brackets", () => {
  equal(usageOf(RESOLVE), "resolve ID STEP --result JSON|@file [--by TEXT] [--loud] [--json]");
  equal(usageOf(DEAD), "dead [ID] [--json]");
});
