/** The AsyncAPI document against the parser of the AsyncAPI project. */

import fc from "fast-check";
import { deepEqual } from "node:assert/strict";
import { asyncApiDocument } from "../src/contracts/asyncapi.ts";
import { owningSystems, remoteSteps } from "../src/contracts/remote_steps.ts";
import type { Definition } from "../src/core/workflow.ts";
import { drawSchema } from "./support/random_schema.ts";
import { definitionOf } from "./support/task_driver.ts";

const BROKER = [{ protocol: "rediss", host: "bus.example:6380" }];

const ORDER = definitionOf([
  { name: "check", kind: "local", owner: "rails" },
  { name: "reserve", kind: "remote", owner: "stock", event: "stock.reserve" },
  { name: "charge", kind: "remote", owner: "pay", event: "pay.charge" },
]);

function documentOf(definitions: readonly Definition[], servers = BROKER): unknown {
  return asyncApiDocument({
    version: "0.1.0",
    bus: { prefix: "tasker.workflows", servers },
    systems: owningSystems(definitions),
    steps: remoteSteps(definitions),
  });
}

/**
 * Runs the parser over documents. It is a program of its own: the parser brings types of Node, which
 * would change those of all modules here.
 */
function parserText(documents: readonly unknown[]): string {
  return `
    import { Parser } from "npm:@asyncapi/parser@3.6.6";
    const found = [];
    for (const document of ${JSON.stringify(documents)}) {
      const { diagnostics } = await new Parser().parse(JSON.stringify(document));
      found.push(diagnostics.filter(({ code }) => code !== "asyncapi-latest-version")
        .map(({ path, message }) => path.join("/") + ": " + message));
    }
    console.log(JSON.stringify(found));
  `;
}

async function parse(documents: readonly unknown[]): Promise<unknown> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-config", "--no-lock", "--no-check", "--allow-all", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(parserText(documents)));
  await input.close();
  const { success, stdout, stderr } = await child.output();
  if (success) return JSON.parse(new TextDecoder().decode(stdout));
  throw new Error(new TextDecoder().decode(stderr));
}

/** Why the parser cannot be used here; undefined when it can. */
async function whyNot(): Promise<string | undefined> {
  try {
    await parse([]);
    return undefined;
  } catch (error) {
    return `npm does not give the parser: ${String(error).split("\n").slice(0, 2).join(" ")}`;
  }
}

const reason = await whyNot();
if (reason !== undefined) console.log(`skipped: tests of the AsyncAPI document, because ${reason}`);

Deno.test({
  name: "the AsyncAPI parser accepts the document, with a broker, without, and with no system",
  ignore: reason !== undefined,
  fn: async () => {
    const documents = [documentOf([ORDER]), documentOf([ORDER], []), documentOf([])];

    deepEqual(await parse(documents), [[], [], []]);
  },
});

Deno.test({
  name: "the AsyncAPI parser accepts random contracts, and finds what is wrong in a document",
  ignore: reason !== undefined,
  fn: async () => {
    const seed = crypto.getRandomValues(new Int32Array(1))[0] as number;
    const schemas = fc.sample(fc.gen().map(drawSchema), { numRuns: 12, seed });
    const random = definitionOf(schemas.map((schema, index) => ({
      name: `step_${index}`,
      kind: "remote" as const,
      owner: "stock",
      contract: { input: schema, success: schema, error: schema },
    })));
    const wrong = { ...documentOf([ORDER]) as object, channels: 1 };

    const [accepted, refused] = await parse([documentOf([random]), wrong]) as string[][];

    deepEqual({ seed, accepted }, { seed, accepted: [] });
    deepEqual(refused?.some((text) => text.startsWith("channels: ")), true);
  },
});
