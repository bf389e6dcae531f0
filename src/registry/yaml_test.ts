import { deepEqual, equal } from "node:assert/strict";
import { faultsOf } from "../../tests/support/registry_fixture.ts";
import { placedValue, readYaml, YAML_BYTES_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX } from "./yaml.ts";

const read = (text: string) => () => readYaml("test.yaml", text);

Deno.test("readYaml() knows line and column of each value and key", () => {
  const yaml = readYaml("test.yaml", "name: a\nsteps:\n  - owner: b\n    after: [c, d]\n");

  deepEqual(yaml.value, { name: "a", steps: [{ owner: "b", after: ["c", "d"] }] });
  deepEqual(yaml.at(["steps", 0, "after", 1]), { file: "test.yaml", line: 4, column: 16 });
  deepEqual(yaml.atKey(["steps", 0, "after"]), { file: "test.yaml", line: 4, column: 5 });
});

Deno.test("readYaml() places what is absent at what should hold it", () => {
  const yaml = readYaml("test.yaml", "steps:\n  - owner: b\n");

  deepEqual(yaml.at(["steps", 0, "name"]), { file: "test.yaml", line: 2, column: 5 });
});

Deno.test("what another process has read has the same value and places", () => {
  const yaml = readYaml(
    "test.yaml",
    "a: -0.5\nsteps:\n  - owner: b\n    after: [c, { d: null }]\n",
  );
  const carried = placedValue("test.yaml", JSON.parse(JSON.stringify(yaml.carried())));

  deepEqual(carried.value, yaml.value);
  for (const path of [[], ["a"], ["steps", 0], ["steps", 0, "after", 1, "d"], ["steps", 0, "x"]]) {
    deepEqual(carried.at(path), yaml.at(path));
    deepEqual(carried.atKey(path), yaml.atKey(path));
  }
});

Deno.test("readYaml() keeps dates and versions as text", () => {
  deepEqual(readYaml("test.yaml", "a: 2024-01-02\nb: 2.0.0\n").value, {
    a: "2024-01-02",
    b: "2.0.0",
  });
});

Deno.test("readYaml() refuses what no text can be stored with, in a comment as well", async () => {
  deepEqual(await faultsOf(read("a: 1\n# one \0\n")), ["2:7  bad_text"]);
  deepEqual(await faultsOf(read("a: 1 # half \ud83d\nb: 2\n")), ["1:13  bad_text"]);
});

Deno.test("readYaml() refuses an alias bomb at its first alias, without expanding it", async () => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 30; level++) {
    lines.push(`a${level}: &a${level} [${Array(9).fill(`*a${level - 1}`).join(", ")}]`);
  }

  const faults = await faultsOf(read(lines.join("\n")));

  equal(faults[0], "2:10 a1[0] alias");
  equal(faults.length, 29 * 9);
});

Deno.test("readYaml() refuses more bytes, values and depth than are allowed", async () => {
  const deep = `a: ${"[".repeat(YAML_DEPTH_MAX + 2)}${"]".repeat(YAML_DEPTH_MAX + 2)}`;

  deepEqual(await faultsOf(read("#".repeat(YAML_BYTES_MAX + 1))), ["1:1  too_large"]);
  deepEqual(await faultsOf(read("- \n".repeat(YAML_NODES_MAX + 1))), ["50000:3 [49999] too_large"]);
  deepEqual(await faultsOf(read(deep)), [
    `1:36 a${"[0]".repeat(YAML_DEPTH_MAX)} too_deep`,
  ]);
});

Deno.test("readYaml() survives texts that nest as deep as they are long", async () => {
  for (const part of ["[", "{", "- ", "? "]) {
    const faults = await faultsOf(read(part.repeat(100_000)));
    equal(/ (too_deep|bad_yaml)$/.test(faults[0] ?? ""), true, part);
    if (part === "[" || part === "{") equal(faults[0]?.endsWith("too_deep"), true, part);
  }
});

Deno.test("readYaml() refuses broken, doubled and foreign YAML, each at its place", async () => {
  equal((await faultsOf(read("a: 1\n\t- b")))[0], "2:1  bad_yaml");
  deepEqual(await faultsOf(read("a: 1\nb: 2\na: 3")), ["3:1 a bad_key"]);
  deepEqual(await faultsOf(read("a: 1\n---\nb: 2")), ["2:1  bad_yaml"]);
  deepEqual(await faultsOf(read("a: !secret x")), ["1:4  bad_yaml"]);
  deepEqual(await faultsOf(read("__proto__: 1")), ["1:1 __proto__ bad_key"]);
  deepEqual(await faultsOf(read("")), ["1:1  empty"]);
});

Deno.test("readYaml() refuses numbers that would be others, each at its place", async () => {
  const text = "id: 9007199254740993\nbig: [1, 123456789012345678901234567890]\n" +
    "far: 1e400\nsmall: 1e-400\nhex: 0x20000000000001e\nnone: .nan\n";

  deepEqual(await faultsOf(read(text)), [
    "1:5 id bad_number",
    "2:10 big[1] bad_number",
    "3:6 far bad_number",
    "4:8 small bad_number",
    "5:6 hex bad_number",
    "6:7 none bad_number",
  ]);
  const kept = 'a: 9007199254740991\nb: "9007199254740993"\nc: 0x1F\nd: 0o17\ne: +1\nf: -0\n' +
    "g: 1.50\nh: .5\ni: 9007199254740992\nj: 0x00\nk: 007\n";
  deepEqual(readYaml("test.yaml", kept).value, {
    a: 9007199254740991,
    b: "9007199254740993",
    c: 31,
    d: 15,
    e: 1,
    f: -0,
    g: 1.5,
    h: 0.5,
    i: 9007199254740992,
    j: 0,
    k: 7,
  });
});

Deno.test("readYaml() refuses texts and names that cannot be stored, each at its place", async () => {
  deepEqual(await faultsOf(read('a: ["x\\0"]\nb: "\\ud800"\n"c\\0": 1\n')), [
    "1:5 a[0] bad_text",
    "2:4 b bad_text",
    "3:1 c\0 bad_key",
  ]);
});
