import { deepEqual, equal, ok } from "node:assert/strict";
import type { Definition } from "../core/workflow.ts";
import { z } from "zod";
import { remote, step, workflow } from "../mod.ts";
import { digest, MemoryDefinitions, refusal } from "../../tests/support/registry_fixture.ts";
import type { Forced, Gate } from "./gate.ts";
import { openRegistry } from "./load.ts";

const check = step({
  input: z.object({ id: z.string() }),
  success: z.object({}),
  run: () => ({}),
});

const reserve = remote({
  system: "stock",
  event: "stock.reserve",
  input: z.object({ id: z.string() }),
  success: z.object({ until: z.string() }),
});

/** A version of one workflow, which takes what `input` says. */
function order(version: string, input: z.ZodObject, isLocal = false) {
  return workflow({ namespace: "shop", name: "order", version, input }, (w) => {
    w.step("work", isLocal ? check : reserve, { with: ({ input }) => ({ id: String(input.id) }) });
  });
}

const ID = z.object({ id: z.string() });
const MORE = z.object({ id: z.string(), sku: z.string() });

/** A gate that records what it is given. */
class RecordingGate implements Gate {
  readonly forced: ReadonlyMap<string, Forced>;
  readonly records: unknown[] = [];
  readonly asked: string[] = [];

  constructor(
    forced: Readonly<Record<string, Forced>> = {},
    readonly isAdvice = false,
    readonly open = 0,
  ) {
    this.forced = new Map(Object.entries(forced));
  }

  openTasks(_hash: string, { version }: Definition): Promise<number> {
    this.asked.push(version);
    return Promise.resolve(this.open);
  }

  record({ version }: Definition, forced: Forced & { breaks: readonly string[] }): Promise<void> {
    this.records.push({ version, ...forced });
    return Promise.resolve();
  }
}

const warnings: string[] = [];

async function load(
  modules: readonly ReturnType<typeof order>[],
  gate: Gate,
  definitions = new MemoryDefinitions(),
): Promise<MemoryDefinitions> {
  warnings.length = 0;
  const onWarning = (text: string) => warnings.push(text);
  await openRegistry({ modules, gate, definitions, digest, onWarning });
  return definitions;
}

const BREAKS = 'input.sku is required; affects who starts shop/order, such as {"id":"a"}';

Deno.test("a new version that breaks who starts the workflow is refused, and says how to decide", async () => {
  const definitions = await load([order("1.0.0", ID)], new RecordingGate());
  const gate = new RecordingGate();

  const error = await refusal(() => load([order("1.1.0", MORE)], gate, definitions));

  deepEqual(error.faults.map(({ code, path }) => [code, path]), [
    ["breaks_others", "shop/order@1.1.0"],
  ]);
  ok(error.message.includes(BREAKS), error.message);
  ok(error.message.includes('TASKER_FORCE="shop/order@1.1.0 by NAME: REASON"'), error.message);
  equal(definitions.stored.size, 1);
});

Deno.test("a version that is forced by name is loaded, and who and why is recorded once", async () => {
  const definitions = await load([order("1.0.0", ID)], new RecordingGate());
  const ada = { by: "ada", reason: "all shops send it" };
  const gate = new RecordingGate({ "shop/order@1.1.0": ada });

  await load([order("1.0.0", ID), order("1.1.0", MORE)], gate, definitions);
  ok(warnings.some((text) => text.includes("forced by ada (all shops send it)")));
  await load([order("1.0.0", ID), order("1.1.0", MORE)], gate, definitions);

  deepEqual(gate.records, [{ version: "1.1.0", ...ada, breaks: [BREAKS] }]);
  equal(definitions.stored.size, 2);
});

Deno.test("a decision about another version does not count", async () => {
  const definitions = await load([order("1.0.0", ID)], new RecordingGate());
  const gate = new RecordingGate({ "shop/order@1.2.0": { by: "ada", reason: "r" } });

  const error = await refusal(() => load([order("1.1.0", MORE)], gate, definitions));

  equal(error.code, "definition.invalid");
});

Deno.test("in development, what breaks is only shown", async () => {
  const definitions = await load([order("1.0.0", ID)], new RecordingGate());

  await load([order("1.1.0", MORE)], new RecordingGate({}, true), definitions);

  ok(warnings.some((text) => text.includes(BREAKS)));
  equal(definitions.stored.size, 2);
});

Deno.test("a version that accepts more, or that no start takes, is not refused", async () => {
  const definitions = await load([order("1.0.0", MORE)], new RecordingGate());

  await load([order("1.1.0", ID)], new RecordingGate(), definitions);
  await load([order("0.9.0", z.object({ id: z.int() }))], new RecordingGate(), definitions);

  equal(definitions.stored.size, 3);
});

Deno.test("a version that takes away the code of tasks in flight is refused", async () => {
  const definitions = await load([order("1.0.0", ID, true)], new RecordingGate());
  const gate = new RecordingGate({}, false, 3);

  const error = await refusal(() => load([order("1.1.0", ID, true)], gate, definitions));
  const line = "version 1.0.0 is not here any more, and its steps need code: work; " +
    "affects 3 tasks in flight";
  ok(error.message.includes(line), error.message);
  await load([order("1.0.0", ID, true), order("1.1.0", ID, true)], gate, definitions);

  deepEqual(gate.asked, ["1.0.0"]);
  equal(definitions.stored.size, 2);
});

Deno.test("a new version of Tasker's own workflows is not refused for tasks of the one before", async () => {
  const gate = new RecordingGate({}, false, 3);
  const definitions = new MemoryDefinitions();
  const onWarning = () => {};
  await openRegistry({ own: [order("1.0.0", ID, true)], gate, definitions, digest, onWarning });

  const registry = await openRegistry({
    own: [order("1.1.0", MORE, true)],
    ...{ gate, definitions, digest, onWarning },
  });

  equal(registry.find("shop/order")?.definition.version, "1.1.0");
});
