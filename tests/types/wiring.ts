/** Laws of the SDK for the compiler: each `@ts-expect-error` is a mistake that must not compile. */

import { implement, remote, step, workflow, z } from "tasker";

const Order = z.object({ orderId: z.string(), amountCents: z.int().positive() });

const validate = step({
  input: Order,
  success: z.object({ sku: z.array(z.string()), state: z.enum(["valid", "doubtful"]) }),
  error: z.object({ error_code: z.enum(["validation_failed"]), error_message: z.string() }),
  run: ({ input, fail }) => {
    if (input.amountCents > 1_000_000) {
      return fail({ error_code: "validation_failed", error_message: "too much" });
    }
    return { sku: [input.orderId], state: "valid" };
  },
});
const checkStock = remote({
  system: "python_inventory",
  event: "inventory.check_stock",
  input: z.object({ product_ids: z.array(z.string()) }),
  success: z.object({ reserved: z.boolean() }),
  error: z.object({ error_code: z.enum(["out_of_stock"]), error_message: z.string() }),
});
const notify = step({
  input: z.object({ text: z.string() }),
  success: z.object({}),
  run: () => ({}),
});

const Values = z.object({ values: z.array(z.object({ size: z.number(), name: z.string() })) });

export const rightResults = [
  step({
    input: Values,
    success: z.object({ total: z.number() }),
    run: ({ input }) => ({ total: input.values.reduce((sum, { size }) => sum + size, 0) }),
  }),
  step({
    input: Values,
    success: z.string(),
    run: ({ input }) => input.values.reduce((all, { name }) => all + name, ""),
  }),
  step({
    input: Values,
    success: z.object({ code: z.literal(200), kinds: z.array(z.enum(["a", "b"])) }),
    run: () => ({ code: 200, kinds: ["a"] }),
  }),
  step({
    input: Values,
    success: z.record(z.string(), z.number()),
    run: ({ input }) => Object.fromEntries(input.values.map(({ name, size }) => [name, size])),
  }),
];

const meta = { namespace: "tests", name: "types", version: "1.0.0", input: Order };

export const rightWires = workflow(meta, (w) => {
  const order = w.step("validate_order", validate);
  const stock = w.step("check_inventory", checkStock, {
    needs: { order },
    with: ({ order }) => ({ product_ids: order.sku }),
  });
  const inline = w.step("inline", {
    input: z.object({ reserved: z.boolean() }),
    success: z.object({ kind: z.enum(["kept", "lost"]) }),
    run: async ({ input }) => {
      await Promise.resolve();
      return { kind: input.reserved ? "kept" : "lost" };
    },
  }, { needs: { stock }, with: ({ stock }) => ({ reserved: stock.reserved }) });
  const nested = w.step(
    "nested",
    step({
      input: z.object({ kind: z.string() }),
      success: z.object({ length: z.int() }),
      run: ({ input }) => ({ length: input.kind.length }),
    }),
    { needs: { inline }, with: ({ inline }) => ({ kind: inline.kind }) },
  );
  w.step("inline_without_with", {
    input: Order,
    success: z.object({ id: z.string() }),
    run: ({ input }) => ({ id: input.orderId }),
  }, { after: [nested] });
  w.step("inline_without_parameters", {
    input: Order,
    success: z.object({ state: z.enum(["valid", "doubtful"]) }),
    run: () => ({ state: "valid" }),
  });
  w.step("inline_with_wiring_without_parameters", {
    input: Order,
    success: z.object({ state: z.enum(["valid", "doubtful"]) }),
    run: () => ({ state: "valid" }),
  }, { after: [nested] });
  w.step("inline_alone", {
    input: Order,
    success: z.object({ id: z.string() }),
    run: ({ input }) => ({ id: input.orderId }),
  });
  w.step("inline_remote", {
    system: "mailer",
    event: "mail.send",
    input: z.object({ to: z.string() }),
    success: z.object({ id: z.string() }),
  }, { with: ({ input }) => ({ to: input.orderId }) });
  w.sleep("cooling_off", { needs: { nested }, ms: ({ nested }) => nested.length * 1_000 });
  const approval = w.signal("approval", { after: [stock], success: z.object({ by: z.string() }) });
  w.step("thank", notify, { needs: { approval }, with: ({ approval }) => ({ text: approval.by }) });
  w.step("tell_support", notify, {
    needs: { stock },
    when: "failed",
    with: ({ stock }) => ({
      text: stock.state === "failed" ? stock.error.error_code : stock.state,
    }),
  });
});

export const wrongWires = () =>
  workflow(meta, (w) => {
    const order = w.step("validate_order", validate);
    // @ts-expect-error: a wrong name
    w.step("x", validate, { after: [ordr] });
    // @ts-expect-error: a later step
    w.step("x", validate, { after: [later] });
    const later = w.step("later", validate);
    // @ts-expect-error: a wrong field of a result
    w.step("x", notify, { needs: { order }, with: ({ order }) => ({ text: order.skus }) });
    // @ts-expect-error: a wrong field of the task's input
    w.step("x", notify, { with: ({ input }) => ({ text: input.order }) });
    // @ts-expect-error: a wrong field of the step's input
    w.step("x", notify, { with: ({ input }) => ({ txt: input.orderId }) });
    // @ts-expect-error: a wrong type of the step's input
    w.step("x", notify, { with: ({ input }) => ({ text: input.amountCents }) });
    // @ts-expect-error: a step that `needs` does not name
    w.step("x", notify, { after: [order], with: ({ order }) => ({ text: order.state }) });
    w.step("x", notify, {
      needs: { order },
      when: "always",
      // @ts-expect-error: a result read where the step may have failed
      with: ({ order }) => ({ text: order.sku[0] }),
    });
    // @ts-expect-error: a missing `with`
    w.step("x", notify);
    // @ts-expect-error: a missing `with`, with other wiring
    w.step("x", notify, { after: [order] });
    // @ts-expect-error: an inline definition with a missing `with`
    w.step("x", { input: z.object({ a: z.string() }), success: z.null(), run: () => null });
    // @ts-expect-error: no such `when`
    w.step("x", validate, { after: [order], when: "done" });
    const pause = w.sleep("pause", { ms: 1 });
    // @ts-expect-error: a sleep gives nothing
    w.step("x", notify, { needs: { pause }, with: ({ pause }) => ({ text: pause.at }) });
    // @ts-expect-error: a result of an inline definition that breaks the contract
    w.step("x", {
      input: Order,
      success: z.object({ state: z.enum(["ok"]) }),
      run: () => ({ state: "okay" }),
    });
    // @ts-expect-error: the same, with other wiring
    w.step("x", {
      input: Order,
      success: z.object({ total: z.number() }),
      run: ({ input }) => ({ total: [input.orderId].reduce((all, one) => all + one, "") }),
    }, { after: [order] });
    // @ts-expect-error: a sleep without its length
    w.sleep("x", { after: [order] });
  });

export function wrongDefinitions(): void {
  step({
    input: Order,
    success: z.object({ state: z.enum(["ok"]) }),
    // @ts-expect-error: a result that breaks the contract
    run: () => ({ state: "okay" }),
  });
  step({
    input: Order,
    success: z.object({}),
    error: z.object({ error_code: z.enum(["sad"]) }),
    // @ts-expect-error: a failure that breaks the contract
    run: ({ fail }) => fail({ error_code: "mad" }),
  });
  step({
    input: Order,
    success: z.object({}),
    // @ts-expect-error: a failure of a step that cannot fail by contract
    run: ({ fail }) => fail({ error_code: "mad" }),
  });
  step({
    input: Order,
    success: z.object({}),
    // @ts-expect-error: no such field in the input
    run: ({ input }) => ({ a: input.order }),
  });
  // @ts-expect-error: a remote step without its event
  remote({ system: "a", input: z.null(), success: z.null() });
  // @ts-expect-error: a policy in other units
  step({ input: z.null(), success: z.null(), timeout: 5, run: () => null });
}

export const rightOutput = workflow(meta, (w) => {
  const order = w.step("validate_order", validate);
  return w.output({
    success: z.object({
      id: z.string(),
      line: z.string(),
      sku: z.array(z.string()),
      first: z.string().optional(),
      state: z.enum(["valid", "doubtful"]),
      kind: z.enum(["order", "return"]),
      count: z.int().default(1),
    }),
    needs: { order },
    with: ({ input, order }) => ({
      id: input.orderId,
      line: `Order ${input.orderId}: ${order.state}`,
      sku: order.sku,
      first: order.sku[0],
      state: order.state,
      kind: "order",
    }),
  });
});

export const wrongOutputs = workflow(meta, (w) => {
  const order = w.step("validate_order", validate);
  const of = { needs: { order }, success: z.object({ id: z.string() }) };
  // @ts-expect-error: a number for a text
  w.output({ ...of, with: ({ input }) => ({ id: input.amountCents }) });
  // @ts-expect-error: a field is missing
  w.output({ ...of, with: () => ({}) });
  // @ts-expect-error: no such field
  w.output({ ...of, with: ({ order }) => ({ id: order.none }) });
  // @ts-expect-error: an output does not compute
  w.output({ ...of, with: ({ input }) => ({ id: `${input.amountCents + 1}` }) });
  // @ts-expect-error: a value that is not known yet cannot be compared
  w.output({ ...of, with: ({ order }) => ({ id: order.state === "valid" ? "a" : "b" }) });
  // @ts-expect-error: an alias that is not needed
  w.output({ ...of, with: ({ stock }) => ({ id: stock }) });
});

/** Zod's types are at hand under its name. */
export type Sent = [z.input<typeof Order>, z.infer<typeof Order>, z.output<z.ZodType<1>>];

/** Any JSON is a type that holds itself. */
export const giveAnyJson = () => {
  const input = z.object({ n: z.array(z.number()) });
  step({ input, success: z.json(), run: () => ({ a: 1 }) });
  step({
    input,
    success: z.json(),
    run: ({ input }) => ({ a: [{ b: input.n.reduce((sum, n) => sum + n, 0) }, [1, "c"]] }),
  });
  // @ts-expect-error: JSON has no functions
  step({ input, success: z.json(), run: () => ({ a: () => 1 }) });
};

export const manifestWires = () =>
  implement("order_processing.yaml", {
    namespace: "tests",
    input: Order,
    steps: { validate_order: validate, check_inventory: checkStock },
    handlers: { "Orders::FinalizeOrderHandler": validate },
  }, (w, steps) => {
    w.give(steps.check_inventory, {
      needs: { order: steps.validate_order },
      with: ({ order }) => ({ product_ids: order.sku }),
    });
    w.step("tell_support", notify, {
      after: [steps.process_payment],
      when: "failed",
      with: ({ input }) => ({ text: input.orderId }),
    });
    // @ts-expect-error: a wrong input for a manifest step
    w.give(steps.check_inventory, { with: ({ input }) => ({ product_ids: input.orderId }) });
    // @ts-expect-error: nobody knows the types of a step without a definition
    w.step("x", notify, { needs: { p: steps.payment }, with: ({ p }) => ({ text: p.id }) });
  });
