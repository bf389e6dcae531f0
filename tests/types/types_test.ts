/** The SDK's types: mistakes do not compile, and 500 wired steps do. */

import { equal } from "node:assert/strict";
import { fileURLToPath as fromFileUrl } from "node:url";

const STEPS = 500;

/** A module whose steps each have contracts of their own and read the step before. */
function moduleOf(steps: number): string {
  const numbers = Array.from({ length: steps }, (_, index) => index);
  const definitions = numbers.map((n) =>
    `const define${n} = step({
  input: z.object({ id: z.string(), amount: z.number() }),
  success: z.object({ id${n}: z.string(), kind: z.enum(["a", "b"]) }),
  error: z.object({ error_code: z.enum(["error_${n}"]) }),
  run: ({ input, fail }) =>
    input.amount > ${n} ? fail({ error_code: "error_${n}" }) : { id${n}: input.id, kind: "a" },
});`
  );
  const wires = numbers.map((n) =>
    n === 0 ? `const s0 = w.step("s0", define0);` : `const s${n} = w.step("s${n}", define${n}, {
  needs: { before: s${n - 1} },
  with: ({ input, before }) => ({ id: before.id${n - 1}, amount: input.amount }),
});`
  );
  return `import { step, workflow, z } from "tasker";
${definitions.join("\n")}
const input = z.object({ id: z.string(), amount: z.number() });
workflow({ namespace: "tests", name: "size", version: "1.0.0", input }, (w) => {
${wires.join("\n")}
void s${steps - 1};
});
`;
}

/** Type-checks a file; returns what the compiler says. */
async function check(file: string): Promise<string> {
  const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
  const checked = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--no-lock", "--config", config, file],
    stderr: "piped",
  }).output();
  return new TextDecoder().decode(checked.stderr);
}

Deno.test("Wires refuse each mistake of wiring.ts at compile time", async () => {
  equal(await check(fromFileUrl(new URL("wiring.ts", import.meta.url))), "");
});

Deno.test("workflow() of 500 wired steps type-checks", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/size.ts`;
  await Deno.writeTextFile(file, moduleOf(STEPS));

  const said = await check(file);
  await Deno.remove(folder, { recursive: true });

  equal(said, "");
});

Deno.test("the SDK's documentation holds what the SDK defines, and not all of zod", async () => {
  const module = fromFileUrl(new URL("../../src/mod.ts", import.meta.url));
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["doc", "--json", module] })
    .output();
  const places = new TextDecoder().decode(stdout).match(/"filename": ?"[^"]+"/g) ?? [];

  equal(places.length > 20, true);
  equal(places.filter((place) => !place.includes("/src/")).length, 0);
});
