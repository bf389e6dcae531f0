import assert from "node:assert/strict";
import fc from "fast-check";
import { describeUnfit, findUnfit, parseJson } from "./json.ts";

const SEED = Date.now() % 1_000_000;
console.log(`json_test seed ${SEED}`);

/** What is wrong with a text; "" = nothing. */
function faultIn(text: string, depthMax = 64): string {
  const parsed = parseJson(text, depthMax);
  return parsed.ok ? "" : `${parsed.unfit.code} ${describeUnfit(parsed.unfit)}`;
}

Deno.test("parseJson() refuses numbers that would be changed silently", () => {
  assert.equal(
    faultIn('{"a":[9007199254740993]}'),
    "number it holds the number 9007199254740993, which JSON cannot carry unchanged: " +
      "send it as a text",
  );
  assert.equal(faultIn('{"id":-12345678901234567890}').split(" ")[0], "number");
  assert.equal(faultIn('{"a":[1e400]}').split(" ").slice(0, 3).join(" "), 'number "a.0" holds');
  assert.equal(faultIn("[1e-400]").split(" ")[0], "number");
  assert.equal(faultIn(`{"a":1e-7,"b":${"9".repeat(400)}}`).split(" ")[0], "number");
});

Deno.test("parseJson() takes numbers that come back as they came", () => {
  for (
    const text of [
      "9007199254740991",
      "9007199254740992",
      "-9007199254740994",
      "100000000000000000000",
      "1152921504606846976",
      "1152921504606847000",
      "10000000000000000000000",
      "6.02214076e23",
      "0.1",
      "-0",
      "0e-400",
      "1.7976931348623157e308",
      '"9007199254740993"',
    ]
  ) assert.equal(faultIn(text), "", text);
});

Deno.test("parseJson() refuses text that Postgres cannot store, in values and names", () => {
  assert.equal(faultIn('{"a":"x\\u0000"}'), 'text "a" holds the character U+0000');
  assert.equal(faultIn('{"a\\u0000":1}'), 'text "a" holds the character U+0000');
  assert.equal(faultIn('["\\ud83d"]'), 'text "0" holds half of a surrogate pair');
  assert.equal(faultIn('["\\ude00\\ud83d"]').split(" ")[0], "text");
  assert.equal(faultIn('["\\ud83d\\ude00", "\\\\u0000"]'), "");
});

Deno.test("parseJson() counts arrays and objects alike, however deep a text nests", () => {
  assert.equal(faultIn('[{"a":[1]}]', 3), "");
  assert.equal(faultIn('[{"a":[1]}]', 2).split(" ")[0], "too_deep");
  assert.equal(faultIn("[".repeat(400_000) + "]".repeat(400_000)).split(" ")[0], "too_deep");
});

Deno.test("parseJson() says where a text is not JSON, and quotes nothing of it", () => {
  const faults = ['{"a": 1,\n "secret"}', '{"secret', "[1", "secret"].map((text) => faultIn(text));
  assert.deepEqual(faults, [
    "no_json it is not valid JSON at line 2, column 10",
    "no_json it is not valid JSON at line 1, column 9",
    "no_json it is not valid JSON at line 1, column 3",
    "no_json it is not valid JSON",
  ]);
  assert.equal(faultIn(""), "no_json it is not valid JSON, it ends too early");
});

Deno.test("what JavaScript writes is read back and not refused", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const anyValue = fc.property(fc.array(fc.oneof(number, fc.maxSafeInteger())), (value) => {
    const text = JSON.stringify(value);
    assert.deepEqual(parseJson(text, 2), { ok: true, value: JSON.parse(text) });
    assert.equal(findUnfit(value, 2), undefined);
  });
  fc.assert(anyValue, { seed: SEED });
});
