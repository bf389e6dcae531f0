/** Steps: the contracts of one step, and its code or the system that runs it. */

import type { z } from "zod";
import type { WrittenAlternative } from "../core/alternative.ts";
import type { Policy } from "../core/policy.ts";
import type { StepFailure } from "../core/workflow.ts";

/** Any zod schema. */
export type Schema = z.ZodType;

declare const carries: unique symbol;

/**
 * A step definition with the types of its input (`I`), its result (`S`) and its error (`E`).
 *
 * It has no other members on purpose: comparing schemas at each wire would double the time that 500
 * steps take to compile.
 */
export interface Step<I, S, E> {
  readonly [carries]: { readonly input: I; readonly success: S; readonly error: E };
}

/** A failure by contract: what `fail(…)` returns, for `run` to return. */
export interface Failed<E> extends StepFailure {
  readonly [carries]: E;
}

/** What a running step may use. */
export interface StepContext<I, E> {
  readonly input: I;
  /** The same for every attempt: pass it on as an idempotency key. */
  readonly key: string;
  readonly taskId: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** Unix time in milliseconds at which the attempt times out. */
  readonly deadline: number;
  /** Aborts when the attempt is no longer wanted: cancelled, timed out, or the node lost the task. */
  readonly signal: AbortSignal;
  /** Writes a line that names task, step and attempt. */
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** Makes a failure by contract: without retry, unless `retryable`. */
  fail(error: E, how?: { retryable?: boolean; retryAfterMs?: number }): Failed<E>;
  /** Reports that the attempt is alive, and its progress. */
  heartbeat(progress?: { fraction?: number; note?: string }): void;
}

/**
 * `T` as `const R` infers it: with readonly arrays. Lists are named before tuples and objects,
 * because mapping the list of a type that holds itself, such as that of `z.json()`, has no end.
 */
type Frozen<T> = T extends readonly (infer Item)[]
  ? number extends T["length"] ? readonly Frozen<Item>[]
  : { readonly [K in keyof T]: Frozen<T[K]> }
  : T extends Readonly<Record<string, unknown>> ? { readonly [K in keyof T]: Frozen<T[K]> }
  : T;

/**
 * What `run` returns, `R`, must be `T`. `R` is a `const` parameter of its own, so that
 * `{ state: "ok" }` keeps the literal "ok": `success` is inferred from the same object, and until it
 * is known, the type checker has no other reason to keep it.
 */
export type Gives<R, T> = [R] extends [Frozen<T>] ? unknown
  : { readonly run: (context: never) => T | Promise<T> };

/** Schemas of input, result and error of a step, and its policy. */
export interface Contract<I extends Schema, S extends Schema, E extends Schema> extends Policy {
  readonly input: I;
  readonly success: S;
  readonly error?: E;
  /**
   * Other ways to get the step done, which a person may choose once it is parked: `system` or
   * `capability` (`name` or `name@range`) of a remote step, or `manual`, what a person does by hand.
   */
  readonly alternatives?: readonly WrittenAlternative[];
}

/** A step that runs here. */
export interface LocalDefinition<I extends Schema, S extends Schema, E extends Schema, R = unknown>
  extends Contract<I, S, E> {
  /** Parks instead of trying again when it is not known whether an attempt took effect. */
  readonly atMostOnce?: boolean;
  /** The system that owns the step; the workflow's namespace by default. */
  readonly owner?: string;
  /** Returns what `success` accepts, or `fail(…)`. What it throws is retried. */
  readonly run: (
    context: NoInfer<StepContext<z.output<I>, z.input<E>>>,
  ) => R | Promise<R>;
}

/** A step that another system runs: it receives an envelope over the bus and answers with one. */
export interface RemoteDefinition<I extends Schema, S extends Schema, E extends Schema>
  extends Contract<I, S, E> {
  /** Names the channel. */
  readonly system: string;
  /** Envelope type, such as `inventory.check_stock`. */
  readonly event: string;
}

/** A local step with its schemas and code in reach, for tests. */
export interface LocalStep<I extends Schema, S extends Schema, E extends Schema>
  extends Step<z.input<I>, z.output<S>, z.output<E>> {
  readonly input: I;
  readonly success: S;
  readonly error?: E;
  readonly run: (
    context: StepContext<z.output<I>, z.input<E>>,
  ) => Outcomes<z.input<S> | Failed<z.input<E>>>;
}
type Outcomes<T> = T | Promise<T>;

/**
 * Defines a step that runs here.
 *
 * @example
 * ```ts
 * import { step, z } from "tasker";
 *
 * export const reserve = step({
 *   input: z.object({ sku: z.string() }),
 *   success: z.object({ reservationId: z.string() }),
 *   error: z.object({ error_code: z.enum(["out_of_stock"]) }),
 *   retry: { attemptsMax: 5, backoff: "exponential", delayMsMin: 200 },
 *   timeoutMs: 5_000,
 *   run: ({ input, key, fail }) =>
 *     input.sku === "sold out" ? fail({ error_code: "out_of_stock" }) : { reservationId: key },
 * });
 * ```
 */
export function step<
  I extends Schema,
  S extends Schema,
  E extends Schema = z.ZodNever,
  const R = unknown,
>(
  definition: LocalDefinition<I, S, E, R> & Gives<R, z.input<S> | Failed<z.input<E>>>,
): LocalStep<I, S, E> {
  return definition as LocalStep<I, S, E>;
}

/**
 * Defines a step that another system runs.
 *
 * @example
 * ```ts
 * import { remote, z } from "tasker";
 *
 * export const checkStock = remote({
 *   system: "python_inventory",
 *   event: "inventory.check_stock",
 *   timeoutMs: 30_000,
 *   input: z.object({ product_ids: z.array(z.string()) }),
 *   success: z.object({ reserved: z.boolean() }),
 * });
 * ```
 */
export function remote<I extends Schema, S extends Schema, E extends Schema = z.ZodNever>(
  definition: RemoteDefinition<I, S, E>,
): Step<z.input<I>, z.output<S>, z.output<E>> & RemoteDefinition<I, S, E> {
  return definition as RemoteDefinition<I, S, E> & Step<z.input<I>, z.output<S>, z.output<E>>;
}
