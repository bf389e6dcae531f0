import { deepEqual, equal, ok } from "node:assert/strict";
import { remote, step, type Workflow, workflow, z } from "../mod.ts";
import { digest, faultsOf, refusal } from "../../tests/support/registry_fixture.ts";
import { buildWorkflow } from "./build.ts";

const Input = z.object({ id: z.string() });
const meta = { namespace: "tests", name: "build", version: "1.0.0", input: Input };

const check = step({
  input: Input,
  success: z.object({ ok: z.boolean() }),
  run: () => ({ ok: true }),
});
const charge = remote({
  system: "payments",
  event: "payment.charge",
  input: Input,
  success: z.object({ paid: z.boolean() }),
  timeoutMs: 5_000,
});

const source = (await Deno.readTextFile(new URL(import.meta.url))).split("\n");

/** The line of this file that ends with a marker, such as `// 1`. */
function line(marker: string): number {
  return source.findIndex((text) => text.endsWith(`// ${marker}`)) + 1;
}

/** Path and code of each fault. */
async function pathsOf(module: Workflow<unknown>): Promise<readonly string[]> {
  const faults = await faultsOf(() => buildWorkflow(module, { digest }));
  return faults.map((fault) => fault.slice(fault.indexOf(" ") + 1));
}

Deno.test("buildWorkflow() makes definition, plan and code of a module", () => {
  const module = workflow({ ...meta, failurePolicy: "fail_fast", deadlineMs: 60_000 }, (w) => {
    const checked = w.step("check", check);
    const paid = w.step("charge", charge, {
      needs: { checked },
      with: ({ input, checked }) => ({ id: `${input.id}${checked.ok}` }),
    });
    w.sleep("rest", { after: [paid], ms: 1_000 });
    w.signal("approve", { after: [paid], success: z.object({ by: z.string() }), timeoutMs: 500 });
  });

  const { definition, plan, code, hash } = buildWorkflow(module, { digest });

  deepEqual(
    definition.steps.map(({ contract: _, policy: __, ...rest }) => rest),
    [
      {
        name: "check",
        kind: "local",
        owner: "tests",
        needs: {},
        after: [],
        when: "succeeded",
        atMostOnce: false,
      },
      {
        name: "charge",
        kind: "remote",
        owner: "payments",
        event: "payment.charge",
        needs: { checked: "check" },
        after: [],
        when: "succeeded",
        atMostOnce: false,
      },
      {
        name: "rest",
        kind: "sleep",
        owner: "tests",
        needs: {},
        after: ["charge"],
        when: "succeeded",
        sleepMs: 1_000,
        atMostOnce: false,
      },
      {
        name: "approve",
        kind: "signal",
        owner: "tests",
        needs: {},
        after: ["charge"],
        when: "succeeded",
        onTimeout: "fail",
        atMostOnce: false,
      },
    ],
  );
  deepEqual(definition.steps.map(({ policy }) => policy), [
    {},
    { timeoutMs: 5_000 },
    {},
    { timeoutMs: 500 },
  ]);
  equal(definition.failurePolicy, "fail_fast");
  equal(definition.deadlineMs, 60_000);
  equal(plan.hash, hash);
  equal(plan.workflow, "tests/build");
  equal(code.steps.get("check")?.run, check.run);
  equal(
    code.steps.get("charge")?.with?.({ input: { id: "a" }, checked: { ok: true } }) !== undefined,
    true,
  );
});

Deno.test("buildWorkflow() lists all faults at once, with file, line and column", async () => {
  const dated = step({
    input: Input,
    success: z.object({ at: z.date() }),
    run: () => ({ at: new Date(0) }),
  });
  const module = workflow({ ...meta, name: "Bad Name" }, (w) => { // head
    w.step("check", check);
    w.step("check", dated); // twice
    w.sleep("rest", { ms: -1 }); // rest
  });

  const error = await refusal(() => buildWorkflow(module, { digest }));

  equal(error.code, "definition.invalid");
  deepEqual(await faultsOf(() => buildWorkflow(module, { digest })), [
    `${line("head")}:18 name bad_name`,
    `${line("twice")}:7 steps.check.name name_taken`,
    `${line("twice")}:7 steps.check.success.at not_json`,
    `${line("rest")}:7 steps.rest.ms bad_duration`,
  ]);
  equal((error.faults[0] as { at?: { file: string } }).at?.file, import.meta.url);
  ok(error.message.startsWith('Cannot load workflow "tests/Bad Name": found 4 faults'));
});

Deno.test("buildWorkflow() refuses edges that lead nowhere", async () => {
  let foreign: unknown;
  workflow(meta, (w) => {
    foreign = w.step("check", check);
  });
  const module = workflow(meta, (w) => {
    w.step("a", check, { after: [foreign as never, undefined] });
    w.step("b", check, { when: "failed" });
    const rest = w.sleep("rest", { ms: 1 });
    w.step("c", check, { needs: { rest, input: rest }, with: ({ input }) => input as never });
  });

  deepEqual(await pathsOf(module), [
    "steps.a.after[0] bad_edge",
    "steps.a.after[1] bad_edge",
    "steps.b.when when_without_parents",
    "steps.c.needs.rest gives_nothing",
    "steps.c.needs.input bad_alias",
    "steps.c.needs.input gives_nothing",
  ]);
});

Deno.test("buildWorkflow() refuses policies that make no sense, and unknown fields", async () => {
  const module = workflow({ ...meta, deadlineMs: 0 }, (w) => {
    w.step("a", { ...check, retry: { attemptsMax: 0, delayMsMin: 5, delayMsMax: 1 } } as never);
    w.step("b", { ...check, timeoutMs: 1.5, concurrencyMax: 0 } as never);
    w.step("c", { ...check, timeout: 5, retry: { backof: "none" } } as never);
    w.step("d", { ...check, retry: { backoff: [1, -1] } } as never);
    w.signal("e", { success: z.null(), timeoutMs: -1 });
  });

  deepEqual((await pathsOf(module)).toSorted(), [
    "deadlineMs bad_duration",
    "steps.a.retry.attemptsMax bad_policy",
    "steps.a.retry.delayMsMax bad_policy",
    "steps.b.concurrencyMax bad_policy",
    "steps.b.timeoutMs bad_policy",
    "steps.c.retry.backof unknown_field",
    "steps.c.timeout unknown_field",
    "steps.d.retry.backoff.1 bad_policy",
    "steps.e.timeoutMs bad_policy",
  ]);
});

Deno.test("buildWorkflow() keeps the bounds of healing, and refuses those that make no sense", async () => {
  const heal = { tier: "T1", timeoutMs: [1_000, 60_000], attemptsMax: [1, 5] } as const;
  const wrong = { tier: "T2", timeoutMs: [9, 5], attemptsMax: [0, 5], timout: [1, 2] };

  const { definition } = buildWorkflow(
    workflow({ ...meta, heal }, (w) => void w.step("a", check)),
    { digest },
  );
  const paths = await pathsOf(
    workflow({ ...meta, heal: wrong as never }, (w) => void w.step("a", check)),
  );

  deepEqual(definition.heal, heal);
  deepEqual(paths.toSorted(), [
    "heal bad_policy",
    "heal.attemptsMax.0 bad_policy",
    "heal.tier bad_policy",
    "heal.timeoutMs bad_policy",
  ]);
});

Deno.test("buildWorkflow() refuses choices that it does not have", async () => {
  const module = workflow(meta, (w) => {
    const a = w.step("a", { ...check, retry: { backoff: "exp" } } as never);
    w.step("b", check, { after: [a], when: "succeded" } as never);
    w.signal("c", { success: z.null(), onTimeout: "explode" } as never);
  });

  const { message } = await refusal(() => buildWorkflow(module, { digest }));

  for (
    const text of [
      'steps.a.retry.backoff: expected "none", "linear", "exponential", "fibonacci", or a list',
      'steps.b.when: "succeded" is not valid, expected one of "succeeded", "failed", ' +
      '"cancelled", "always", did you mean "succeeded"',
      'steps.c.onTimeout: "explode" is not valid, expected one of "fail", "park"',
    ]
  ) ok(message.includes(text), message);
});

Deno.test("buildWorkflow() refuses bad names, owners and envelope types", async () => {
  const module = workflow({ ...meta, namespace: "a.b", version: " " }, (w) => {
    w.step("Check It", check);
    w.step("x".repeat(65), check);
    w.step("a", step({ ...check, owner: "Some System" }));
    w.step("b", {
      system: "payments",
      event: "tasker.step.completed",
      input: Input,
      success: Input,
    });
    w.step("c", { system: "pay:ments", event: "a b", input: Input, success: Input });
  });

  deepEqual((await pathsOf(module)).toSorted(), [
    "namespace bad_name",
    "steps.Check It.name bad_name",
    "steps.a.owner bad_name",
    "steps.b.event bad_event",
    "steps.c.event bad_event",
    "steps.c.owner bad_name",
    `steps.${"x".repeat(65)}.name bad_name`,
    "version bad_version",
  ]);
});

Deno.test("buildWorkflow() refuses a step without code, and a workflow without steps", async () => {
  const module = workflow(meta, (w) => {
    w.step("a", { input: Input, success: Input } as never);
    w.step("b", { success: Input, run: () => null } as never);
  });

  deepEqual(await pathsOf(module), ["steps.a no_code", "steps.b.input not_a_schema"]);
  deepEqual(await pathsOf(workflow(meta, () => {})), ["steps no_steps"]);
});

Deno.test("buildWorkflow() refuses a step that takes what the task's input does not have", async () => {
  const other = step({
    input: z.object({ id: z.string(), size: z.int(), note: z.string().optional() }),
    success: z.null(),
    run: () => null,
  });
  const module = workflow(meta, (w) => {
    w.step("a", other as never);
    w.step("b", other, { with: ({ input }) => ({ ...input, size: 1 }) });
  });

  deepEqual(await pathsOf(module), ["steps.a.input with_missing"]);
});

Deno.test("buildWorkflow() builds 2,000 steps", () => {
  const module = workflow(meta, (w) => {
    let last = w.step("s0", check);
    for (let index = 1; index < 2_000; index++) {
      last = w.step(`s${index}`, check, { after: [last] });
    }
  });

  equal(buildWorkflow(module, { digest }).plan.steps.length, 2_000);
});
