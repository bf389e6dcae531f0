/** Workflows: what a module in the workflows folder default-exports. */

import type { z } from "zod";
import type { HealBounds } from "../core/healing.ts";
import type { StepSpec, Wire, WorkflowModule } from "../core/workflow_module.ts";
import type { WrittenAttribute } from "../core/search.ts";
import type { FailurePolicy } from "../core/workflow.ts";
import { locateCaller, recorder } from "./recorder.ts";
import type { Manifest } from "./manifest.ts";
import type { Output } from "./output.ts";
import type { Schema, Step } from "./step.ts";
import type { Handle, ManifestHandle, ManifestWires, Wires } from "./wires.ts";

/** A workflow whose tasks take `I` and give `O`. */
export interface Workflow<I, O = unknown> extends WorkflowModule {
  readonly input: z.ZodType<unknown, I>;
  /** Only for the compiler: `OutputOf` of the client reads it. */
  readonly $output?: O;
}

/** The output that a wiring function returned. */
type OutputIn<R> = R extends Output<infer O> ? O : unknown;

/** What a workflow may set besides its steps. */
interface Behaviour {
  /** What the failure of a step does to the other branches; by default they go on. */
  readonly failurePolicy?: FailurePolicy;
  /** The longest a task may take; no limit by default. */
  readonly deadlineMs?: number;
  /** What healing may tune without a person, and between which bounds; by default tier T0 alone. */
  readonly heal?: HealBounds;
  /**
   * What tasks are found by, by name: `{ region: { from: "$.input.region" } }`. Lists of tasks filter
   * by it at once, whatever their number.
   */
  readonly search?: Readonly<Record<string, WrittenAttribute>>;
}

/** Name, version and input of a workflow. */
export interface WorkflowMeta<I extends Schema> extends Behaviour {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly input: I;
}

/** Definitions that `implement` binds, by step name or by handler name. */
type Bindings = Readonly<Record<string, Step<unknown, unknown, unknown>>>;

/** The same at run time. */
type WrittenSteps = Readonly<Record<string, StepSpec>>;

/** What a manifest does not hold: contracts and code. */
export interface ManifestMeta<I extends Schema, D extends Bindings> extends Behaviour {
  /** Optional when the manifest has it. */
  readonly namespace?: string;
  readonly input: I;
  /** By step name. */
  readonly steps?: D;
  /** By handler name, for steps that `steps` does not name. */
  readonly handlers?: Bindings;
  /** `import.meta.url`, where the manifest is not beside the module that calls `implement`. */
  readonly base?: string;
}

/**
 * The manifest's steps by name. Those without a definition carry no types and can be used in `after`
 * only; that they exist is checked when the manifest is read.
 */
type ManifestSteps<D extends Bindings> =
  & {
    readonly [K in keyof D]: D[K] extends Step<infer I, infer S, infer E> ? ManifestHandle<I, S, E>
      : never;
  }
  & { readonly [name: string]: Handle<unknown, unknown> };

/**
 * Describes a workflow. `wire` runs once, at load, and must be pure.
 *
 * @example
 * ```ts
 * import { step, workflow, z } from "tasker";
 *
 * const greet = step({
 *   input: z.object({ name: z.string() }),
 *   success: z.object({ greeting: z.string() }),
 *   run: ({ input }) => ({ greeting: `Hello, ${input.name}!` }),
 * });
 * const count = step({
 *   input: z.object({ text: z.string() }),
 *   success: z.object({ letters: z.int() }),
 *   run: ({ input }) => ({ letters: input.text.length }),
 * });
 *
 * export default workflow({
 *   namespace: "examples",
 *   name: "greeting",
 *   version: "1.0.0",
 *   input: z.object({ name: z.string() }),
 * }, (w) => {
 *   const greeted = w.step("greet", greet);
 *   w.step("count", count, {
 *     needs: { greeted },
 *     with: ({ greeted }) => ({ text: greeted.greeting }),
 *   });
 * });
 * ```
 */
export function workflow<I extends Schema, R = void>(
  meta: WorkflowMeta<I>,
  wire: (w: Wires<z.output<I>>) => R,
): Workflow<z.input<I>, OutputIn<R>> {
  const of = Symbol(meta.name);
  const wires: Wire[] = [];
  const at = locateCaller(workflow);
  wire(recorder<z.output<I>>(of, wires));
  return { ...meta, kind: "workflow", of, at, wires } as WorkflowModule as Workflow<
    z.input<I>,
    OutputIn<R>
  >;
}

/**
 * Binds a manifest (YAML) to contracts and code, and may wire more steps.
 *
 * Shape: `path` is relative to the calling module, or to `base`. A manifest step takes the task's
 * input unless `w.give` makes another one for it.
 *
 * @example
 * ```ts
 * import { implement, step, z } from "tasker";
 *
 * const validate = step({
 *   input: z.object({ orderId: z.string() }),
 *   success: z.object({ ok: z.boolean() }),
 *   run: () => ({ ok: true }),
 * });
 * const finalize = step({
 *   input: z.object({ ok: z.boolean() }),
 *   success: z.object({}),
 *   run: () => ({}),
 * });
 *
 * export default implement("order_processing.yaml", {
 *   namespace: "orders",
 *   input: z.object({ orderId: z.string() }),
 *   steps: { validate_order: validate, finalize_order: finalize },
 * }, (w, steps) => {
 *   w.give(steps.finalize_order, {
 *     needs: { order: steps.validate_order },
 *     with: ({ order }) => ({ ok: order.ok }),
 *   });
 * });
 * ```
 */
export function implement<
  I extends Schema,
  D extends Bindings = Record<never, never>,
  R = void,
>(
  path: string,
  meta: ManifestMeta<I, D>,
  wire?: (w: ManifestWires<z.output<I>>, steps: ManifestSteps<D>) => R,
): Workflow<z.input<I>, OutputIn<R>>;
/**
 * Describes a workflow by a manifest that stands in the module itself; steps with a `handler` get their
 * code by `steps` or `handlers`.
 *
 * @example
 * ```ts
 * import { implement } from "tasker";
 *
 * export default implement({
 *   namespace: "docs",
 *   name: "reminder",
 *   version: "1.0.0",
 *   workflow_steps: [
 *     { name: "rest", sleep: "10m" },
 *     { name: "remind", owner: "mail", event_pattern: "mail.remind", depends_on: "rest" },
 *   ],
 * });
 * ```
 */
export function implement<
  I extends Schema = z.ZodAny,
  D extends Bindings = Record<never, never>,
  R = void,
>(
  manifest: Manifest,
  meta?: Omit<ManifestMeta<I, D>, "input" | "base"> & { readonly input?: I },
  wire?: (w: ManifestWires<z.output<I>>, steps: ManifestSteps<D>) => R,
): Workflow<z.input<I>, OutputIn<R>>;
export function implement<I extends Schema, D extends Bindings, R>(
  source: string | Manifest,
  meta: Partial<ManifestMeta<I, D>> = {},
  wire?: (w: ManifestWires<z.output<I>>, steps: ManifestSteps<D>) => R,
): Workflow<z.input<I>, OutputIn<R>> {
  const { steps = {}, handlers = {}, base, ...behaviour } = meta;
  const path = typeof source === "string" ? source : source.name;
  const of = Symbol(path);
  const wires: Wire[] = [];
  const at = locateCaller(implement);
  wire?.(recorder<z.output<I>>(of, wires), namedSteps(of));
  const manifest = {
    path,
    ...(typeof source === "string" ? {} : { value: source }),
    steps: steps as WrittenSteps,
    handlers: handlers as unknown as WrittenSteps,
    ...(base === undefined ? {} : { base }),
  };
  const recorded: WorkflowModule = { ...behaviour, kind: "workflow", of, at, manifest, wires };
  return recorded as Workflow<z.input<I>, OutputIn<R>>;
}

/** Makes a handle of any name: only the manifest knows which steps exist. */
function namedSteps<D extends Bindings>(of: symbol): ManifestSteps<D> {
  return new Proxy({}, {
    get: (_, name) => ({ name: String(name), of }),
  }) as ManifestSteps<D>;
}
