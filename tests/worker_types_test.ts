/** Generated types against the compilers of their languages, over random contracts. */

import fc from "fast-check";
import { equal, ok } from "node:assert/strict";
import { remoteSteps } from "../src/contracts/remote_steps.ts";
import { nameTypes } from "../src/contracts/named_types.ts";
import { typesFile } from "../src/contracts/types_file.ts";
import { checkByStored } from "../src/core/stored_schema.ts";
import type { JsonSchema } from "../src/core/workflow.ts";
import { drawSchema, drawValue } from "./support/random_schema.ts";
import { definitionOf } from "./support/task_driver.ts";

const CONTRACTS = 150;
const VALUES_EACH = 4;

const seed = crypto.getRandomValues(new Int32Array(1))[0] as number;

/** A contract's schema, and values that are valid under it. */
interface Sample {
  readonly schema: JsonSchema;
  readonly values: readonly unknown[];
}

const samples: readonly Sample[] = fc.sample(
  fc.gen().map((draw) => {
    const schema = drawSchema(draw);
    const drawn = Array.from({ length: VALUES_EACH }, () => drawValue(draw, schema));
    return { schema, values: drawn.filter((value) => checkByStored(schema, value).ok) };
  }),
  { numRuns: CONTRACTS, seed },
);

const STEPS = remoteSteps([definitionOf(samples.map(({ schema }, index) => ({
  name: `step_${index}`,
  kind: "remote" as const,
  owner: "stock",
  event: `stock.event_${String(index).padStart(3, "0")}`,
  contract: { input: schema },
})))]);

/** Why a program cannot be used here; undefined when it can. */
async function whyNot(command: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command(command, { args, stdout: "null", stderr: "null" })
      .output();
    return success ? undefined : `${[command, ...args].join(" ")} fails`;
  } catch {
    return `${command} is not installed`;
  }
}

/** Runs a program in a folder with one file; it has to end well. */
async function demandAccepted(file: string, text: string, [command = "", ...args]: string[]) {
  const cwd = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${cwd}/${file}`, text);
    if (file.endsWith(".go")) {
      await Deno.writeTextFile(`${cwd}/go.mod`, "module contracts\n\ngo 1.18\n");
    }
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args,
      cwd,
      env: { GOFLAGS: "-mod=mod", GOTOOLCHAIN: "local" },
    }).output();
    const said = new TextDecoder().decode(new Uint8Array([...stdout, ...stderr]));
    ok(success, `seed ${seed}: ${said}`);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

function testIf(reason: string | undefined, name: string, fn: () => Promise<void>): void {
  if (reason !== undefined) console.log(`skipped: "${name}", because ${reason}`);
  Deno.test({ name, ignore: reason !== undefined, fn });
}

Deno.test("random contracts have values, so that types are compared with something", () => {
  const count = samples.flatMap(({ values }) => values).length;

  equal(STEPS.length, CONTRACTS);
  ok(count > CONTRACTS, `seed ${seed}: only ${count} values are valid`);
});

Deno.test("types in TypeScript compile, and hold every value that its contract holds", async () => {
  const names = nameTypes(STEPS);
  const uses = names.flatMap(({ names, askedBy }, step) => {
    const index = Number(askedBy[0]?.step.replace("step_", ""));
    return (samples[index]?.values ?? []).map((value, number) =>
      `const v${step}_${number} = { value: ${JSON.stringify(value)} } as const;\n` +
      `export const t${step}_${number}: { value: ${names.input} } = v${step}_${number};\n`
    );
  });

  await demandAccepted("types.ts", typesFile("ts", STEPS) + uses.join(""), [
    Deno.execPath(),
    "check",
    "--quiet",
    "types.ts",
  ]);
});

testIf(
  await whyNot("python3", "--version"),
  "types in Python compile and run",
  () =>
    demandAccepted("types_of_stock.py", typesFile("py", STEPS), [
      "python3",
      "-W",
      "error",
      "types_of_stock.py",
    ]),
);

testIf(
  await whyNot("python3", "-m", "mypy", "--version"),
  "types in Python are accepted by mypy",
  () =>
    demandAccepted("types_of_stock.py", typesFile("py", STEPS), [
      "python3",
      "-m",
      "mypy",
      "--strict",
      "types_of_stock.py",
    ]),
);

testIf(
  await whyNot("go", "version"),
  "types in Go are accepted by go vet",
  () => demandAccepted("types.go", typesFile("go", STEPS), ["go", "vet", "."]),
);
