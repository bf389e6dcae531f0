import { deepEqual, equal } from "node:assert/strict";
import { digest, MemoryDefinitions, refusal } from "../../tests/support/registry_fixture.ts";
import type { Template } from "../core/mapping.ts";
import type { TriggerRule } from "../core/trigger.ts";
import { workflow, z } from "../mod.ts";
import { openRegistry } from "./load.ts";
import { checkTrigger } from "./trigger.ts";

const order = workflow({
  namespace: "shop",
  name: "order",
  version: "1.0.0",
  input: z.strictObject({
    id: z.int(),
    country: z.enum(["DE", "AT"]),
    note: z.string().optional(),
  }),
  search: { order: { from: "$.input.id", type: "number" } },
}, (w) => {
  w.signal("paid", { success: z.object({ cents: z.int() }) });
  w.sleep("rest", { ms: 1 });
});

const INPUT = { id: "$.event.data.id", country: "DE" };

const registry = await openRegistry({
  modules: [order],
  definitions: new MemoryDefinitions(),
  digest,
  onWarning: () => {},
});

/** The faults of a trigger, as `path code`; none: it is taken. */
async function faultsOf(rule: Partial<TriggerRule>): Promise<readonly string[]> {
  const trigger: TriggerRule = { type: "t", filter: {}, ...rule };
  try {
    checkTrigger("shop/t", trigger, registry);
    return [];
  } catch {
    const error = await refusal(() => checkTrigger("shop/t", trigger, registry));
    equal(error.code, "trigger.invalid");
    return error.faults.map(({ path, code }) => `${path} ${code}`);
  }
}

function start(input: Template, tags: readonly string[] = []) {
  return { start: { workflow: "shop/order", input, tags } };
}

function signal(of: Partial<NonNullable<TriggerRule["signal"]>>) {
  const payload = { cents: "$.event.data.cents" };
  return { signal: { workflow: "shop/order", name: "paid", payload, ...of } };
}

Deno.test("a trigger is taken that fits the contract, as far as one can see before an event comes", async () => {
  const takes: Partial<TriggerRule>[] = [
    start(INPUT, ["order-${event.data.id}", "$.event.type"]),
    start("$.event.data"),
    { ...start(INPUT), filter: { "$.event.data.country": "DE", "$.event.subject": ["a"] } },
    signal({ task: "$.event.data.task" }),
    signal({ tag: "order-${event.data.id}" }),
    signal({ attribute: { name: "order", value: "$.event.data.id" } }),
  ];

  deepEqual(await Promise.all(takes.map(faultsOf)), takes.map(() => []));
});

Deno.test("a trigger that cannot fit is refused with each place", async () => {
  const refused: [Partial<TriggerRule>, readonly string[]][] = [
    [start({ id: 5 }), ["start.input required"]],
    [start({ ...INPUT, country: "FR" }), ["start.input.country type_mismatch"]],
    [start({ ...INPUT, id: "$.event.type" }), ["start.input.id type_mismatch"]],
    [start({ ...INPUT, colour: 1 }), ["start.input.colour not_expected"]],
    [start({ ...INPUT, id: "$.input.id" }), ["start.input.id no_such_field"]],
    [start(INPUT, ["$.event.id["]), ["start.tags[0] bad_reference"]],
    [start(INPUT, ["from ${event.source}"]), ["start.tags[0] maybe_absent"]],
    [{ ...start(INPUT), filter: { country: "DE" } }, ["filter.country bad_reference"]],
    [signal({ name: "payed", tag: "t" }), ["signal.name no_such_step"]],
    [signal({ name: "rest", tag: "t" }), ["signal.name no_such_step"]],
    [signal({ payload: { cents: "five" }, tag: "t" }), ["signal.payload.cents type_mismatch"]],
    [
      signal({ attribute: { name: "orders", value: "1" } }),
      ["signal.attribute.name no_such_attribute"],
    ],
  ];

  for (const [rule, faults] of refused) {
    deepEqual(await faultsOf(rule), faults, JSON.stringify(rule));
  }
});

Deno.test("a trigger of a workflow that is not loaded is refused, with the name that was meant", async () => {
  const trigger = { type: "t", filter: {}, start: { workflow: "shop/ordr", input: 1, tags: [] } };

  const { code, message } = await refusal(() => checkTrigger("shop/t", trigger, registry));

  equal(code, "definition.unknown");
  equal(message.includes('did you mean "shop/order"'), true);
});
