import assert from "node:assert/strict";
import { z } from "zod";
import { checkByStored } from "./stored_schema.ts";
import { readForeignSchema } from "./foreign_schema.ts";

Deno.test("patterns are read as the flag u reads them, whatever runs them", () => {
  const patterns = [
    "^.$",
    "^[^a]{2}$",
    "^\\S+$",
    "^\\W$",
    "^é.$",
    "a.b",
    "^\\p{L}$",
    "^\\u{1f600}",
    "^[😀]$",
    "^\\p{Script=Greek}.$",
    "^[\\p{L}\\s/]\\/?$",
    "^\\P{L}\\s$",
    "\\u0061\\S$",
    "^[\\u{1f5ff}-\\u{1f601}]+$",
    "^(.{1,2}){1,3}$",
    "^(?:[^]{1,2}b?)+$",
    "^([[^]{0,2}|.){2}$",
    "^(a{1,2}|\\W){1,20}$",
    "(?s:^(.{1,2}b?)+$)",
    "^((?s:a.)?(?<last>.){0,2})+$",
    "(?i:^A{0,2}B?$)",
    "^a?(b{2,}|\\s{0,3})$",
  ];
  const texts = [
    "",
    "a",
    "😀",
    "a😀b",
    "é😀",
    "\ud83d",
    "😀😀",
    "\uffff",
    "ab",
    "\n",
    "α\r",
    "αß",
    "!\u00a0",
    " /",
  ];

  for (const pattern of patterns) {
    for (const text of texts) {
      const { ok } = checkByStored({ type: "string", pattern }, text);
      assert.equal(ok, new RegExp(pattern, "u").test(text), `${pattern} ${JSON.stringify(text)}`);
    }
  }
});

Deno.test("a pattern that looks around or back is refused by name, unless it is that of a format", () => {
  const refused = [
    "(?=a)b",
    "(?!a)b",
    "(?<=a)b",
    "(?<!a)b",
    "(a)\\1",
    "(?<x>a)\\k<x>",
    "^\\p{ASCII}+$",
    "^(a{1,1001})+$",
    "^(((a{1,30}){1,30}){1,30})$",
    "^([a-z]{1,20}\\a)+$",
  ];
  const taken = [
    "^.{1,4000}$",
    "^\\d{4}-\\d{2}$",
    "^([a-z0-9]+-?){1,64}$",
    "[(?=a)]",
    "\\(\\?=a",
    "(?<x>a)",
    "(?:a)",
    "^\\p{L}+$",
    z.regexes.email.source,
  ];
  const isTaken = (pattern: string) =>
    readForeignSchema({ type: "object", properties: { a: { type: "string", pattern } } }).ok;

  for (const pattern of refused) assert.equal(isTaken(pattern), false, pattern);
  for (const pattern of taken) assert.equal(isTaken(pattern), true, pattern);
  assert.equal(readForeignSchema({ patternProperties: { "(?=a)b": {} } }).ok, false);
  assert.ok(readForeignSchema({ properties: { pattern: {} }, enum: [{ pattern: "(?=a)" }] }).ok);
});

Deno.test("a pattern that names characters by their properties is matched in linear time", () => {
  const schema = { type: "string", pattern: "^(\\p{L}+)+\\u{1f600}$" };

  const { ok } = checkByStored(schema, `${"a".repeat(5_000)}!`);

  assert.equal(ok, false);
});

Deno.test("a pattern that counts in a group, or beside another repetition, is matched in linear time", () => {
  const patterns = [
    "^([a-z0-9]+-?){1,64}$",
    "^([a-z0-9]{1,20}-?)+$",
    "^([a-z0-9]{1,20}\\-?)+$",
    "^(\\w+\\s?){1,100}$",
    "^(a{1,30}){1,30}$",
    "^(?i:([a-z]+)+)$",
    "^a{0,60}a{0,60}a{0,60}a{0,60}a{0,60}a{0,60}$",
    `^${"a?".repeat(40)}a{40}$`,
  ];

  for (const pattern of patterns) {
    const { ok } = checkByStored({ type: "string", pattern }, `${"a".repeat(400)}!`);
    assert.equal(ok, false, pattern);
  }
});
