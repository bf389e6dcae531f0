/**
 * Root of `deno task ok`, the gate before a commit: format, lint, types, unit tests, examples of docs
 * and the crates. What starts programs is left to `deno task test`.
 */

import { FILES, reachedFrom, read } from "./support/sources.ts";
import { Suite } from "./support/suite.ts";

/** Modules that start programs: a test that reaches one, or starts its own, is not a unit test. */
const PROGRAMS: readonly string[] = [
  "npm/build.ts",
  "src/postgres/embedded.ts",
  "tests/support/kafka.ts",
  "tests/support/postgres.ts",
  "tests/support/rabbitmq.ts",
  "tests/support/redis.ts",
  "tests/support/serve.ts",
];

const tests = FILES.filter((path) => path.endsWith("_test.ts"));
const unitTests = tests.filter((path) => {
  const reached = reachedFrom(path);
  const startsOne = read(path).includes("new Deno.Command(");
  return !startsOne && !PROGRAMS.some((program) => reached.has(program));
});

const deno = Deno.execPath();
const suite = new Suite();
await suite.check(deno, ["fmt", "--check", "--quiet"]);
await suite.check(deno, ["lint", "--quiet"]);
await suite.check(deno, ["check", "--quiet", "."]);
await suite.cargoChecks();
await suite.denoTests(["--quiet", ...unitTests]);
await suite.docTests();
await suite.cargoTests();
console.log(`\n${tests.length - unitTests.length} files start programs: deno task test runs them`);
Deno.exit(suite.end());
