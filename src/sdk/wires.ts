/** Wires: how the steps of a workflow depend on each other, fully typed. */

import type { z } from "zod";
import type { When } from "../core/graph.ts";
import type { Mapped, Output, Ref } from "./output.ts";
import type { Failed, Gives, LocalDefinition, RemoteDefinition, Schema, Step } from "./step.ts";

declare const carries: unique symbol;

/** A wired step: `needs` and `after` take it, and it carries its types. */
export interface Handle<S, E> {
  readonly name: string;
  readonly [carries]: { readonly success: S; readonly error: E };
}

/** A step that a manifest wired, which `w.give` can make an input for. */
export interface ManifestHandle<I, S, E> extends Handle<S, E> {
  readonly takes?: (input: I) => void;
}

type AnyHandle = Handle<unknown, unknown>;
type Handles = Readonly<Record<string, AnyHandle>>;
type NoHandles = Readonly<Record<never, never>>;
type After = readonly (AnyHandle | undefined)[];

/** How a parent ended, for a step whose `when` is not `succeeded`. */
export type Outcome<S, E> =
  | { readonly state: "completed" | "resolved_manually"; readonly result: S }
  | { readonly state: "failed"; readonly error: E | { error_code: string; error_message: string } }
  | { readonly state: "cancelled" | "unreached" | "skipped" };

type Results<N, W> = {
  readonly [K in keyof N]: N[K] extends Handle<infer S, infer E>
    ? W extends "succeeded" ? S : Outcome<S, E>
    : never;
};

/** Makes the input of a step from the task's input and the results of its parents. */
type With<T, I, N, W> = (given: { readonly input: T } & Results<N, W>) => NoInfer<I>;

interface Edges<N> {
  /** Data edges: `with` can read the results of these steps. */
  readonly needs?: N;
  /** Order edges. */
  readonly after?: After;
}

/** How a step depends on others. `with` is optional when the step's input accepts the task's. */
type Wiring<T, I, N, W> =
  & Edges<N>
  & { readonly when?: W }
  & ([T] extends [I] ? { readonly with?: With<T, I, N, W> } : { readonly with: With<T, I, N, W> });

type MustMapItsInput<T, I> = [T] extends [I] ? []
  : ["add `with`: the step's input is not the task's"];

/** Wires the steps of a workflow whose input is `T`. Names are unique; each call adds one step. */
export interface Wires<T> {
  /** Wires a step, defined in place, that takes the task's input and depends on no other. */
  step<
    I extends Schema,
    S extends Schema,
    E extends Schema = z.ZodNever,
    const R = unknown,
  >(
    name: string,
    definition: Inline<I, S, E, R>,
    ...mustMapItsInput: MustMapItsInput<T, z.input<I>>
  ): Handle<z.output<S>, z.output<E>>;
  /** Wires a step that takes the task's input and depends on no other. */
  step<I, S, E>(
    name: string,
    definition: Step<I, S, E>,
    ...mustMapItsInput: MustMapItsInput<T, I>
  ): Handle<S, E>;
  /** Wires a step, defined in place. */
  step<
    I extends Schema,
    S extends Schema,
    E extends Schema = z.ZodNever,
    const N extends Handles = NoHandles,
    W extends When = "succeeded",
    const R = unknown,
  >(
    name: string,
    definition: Inline<I, S, E, R>,
    wiring: Wiring<T, z.input<I>, N, W>,
  ): Handle<z.output<S>, z.output<E>>;
  /** Wires a step. */
  step<I, S, E, const N extends Handles = NoHandles, W extends When = "succeeded">(
    name: string,
    definition: Step<I, S, E>,
    wiring: Wiring<T, I, N, W>,
  ): Handle<S, E>;
  /** Waits. Units: `ms` is milliseconds, fixed or computed when the wait begins. */
  sleep<const N extends Handles = NoHandles>(
    name: string,
    wiring: Edges<N> & {
      readonly ms: number | ((given: { readonly input: T } & Results<N, "succeeded">) => number);
    },
  ): Handle<null, never>;
  /** Waits for somebody to send a value; without `timeoutMs` for as long as it takes. */
  signal<S extends Schema>(
    name: string,
    wiring: {
      readonly after?: After;
      readonly success: S;
      readonly timeoutMs?: number;
      /** "fail" by default: the step fails with `timed_out`; "park" asks a person. */
      readonly onTimeout?: "fail" | "park";
    },
  ): Handle<z.output<S>, { error_code: "timed_out"; error_message: string }>;
  /**
   * States what a task gives when it completes, at most once. `with` only passes values on and puts
   * them into texts: it is kept as data. Return the answer, so that clients know the type.
   *
   * @example
   * ```ts
   * import { step, workflow, z } from "tasker";
   *
   * const input = z.object({ name: z.string() });
   * const greet = step({ input, success: z.object({ text: z.string() }), run: () => ({ text: "Hi" }) });
   *
   * export default workflow({ namespace: "docs", name: "greet", version: "1.0.0", input }, (w) => {
   *   const greeted = w.step("greet", greet);
   *   return w.output({
   *     success: z.object({ to: z.string(), line: z.string() }),
   *     needs: { greeted },
   *     with: ({ input, greeted }) => ({ to: input.name, line: `${greeted.text}, ${input.name}!` }),
   *   });
   * });
   * ```
   */
  output<S extends Schema, const N extends Handles = NoHandles, const R = unknown>(
    wiring: {
      readonly needs?: N;
      readonly success: S;
      readonly with: (given: { readonly input: Ref<T> } & Refs<N>) => R;
    } & Maps<R, z.input<NoInfer<S>>>,
  ): Output<z.output<S>>;
}

/** What `with` returns, `R`, must make `O`; `R` is a parameter of its own for the sake of literals. */
type Maps<R, O> = [R] extends [Mapped<O>] ? unknown
  : { readonly with: (given: never) => Mapped<O> };

type Refs<N> = { readonly [K in keyof N]: N[K] extends Handle<infer S, infer _E> ? Ref<S> : never };

/** Wires that also make inputs for the steps of a manifest. */
export interface ManifestWires<T> extends Wires<T> {
  /** Makes the input of a step that the manifest wired; by default it takes the task's. */
  give<I, S, E, const N extends Handles = NoHandles>(
    step: ManifestHandle<I, S, E>,
    wiring: { readonly needs?: N; readonly with: With<T, I, N, "succeeded"> },
  ): void;
}

type Inline<I extends Schema, S extends Schema, E extends Schema, R> =
  | (LocalDefinition<I, S, E, R> & Gives<R, z.input<S> | Failed<z.input<E>>>)
  | RemoteDefinition<I, S, E>;
