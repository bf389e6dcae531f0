/** Readiness: which steps may run. Implemented in Rust and, as its twin, in TypeScript. */

import type { Event } from "./event.ts";
import type { Graph } from "./graph.ts";
import type { StepStateName, TaskState } from "./state.ts";

/** An interned graph. */
export type Template = number;

/**
 * A task's place in the readiness core: `generation * 2 ** 32 + index`, a safe integer.
 * A stale handle (closed, its index reused) is answered with a fault and changes nothing.
 */
export type Instance = number;

/** What happened to a step or a task, pushed to readiness. The numbers are the ABI. */
export const ReadinessInput = {
  /** The instance was opened: its roots are answered as ready. `step` is ignored. */
  opened: 0,
  /** The step ended well: completed, resolved by hand or skipped. */
  succeeded: 1,
  /** The step failed for good. */
  failed: 2,
  /** The step was cancelled. */
  cancelled: 3,
  /** An attempt began: the step is ready no longer. */
  started: 4,
  /** The step's retry is due, or a person asked for one: it is ready again. */
  due: 5,
  /** No step of the task may start until it is resumed. `step` is ignored. */
  paused: 6,
  /** The task goes on: all ready steps are answered again. `step` is ignored. */
  resumed: 7,
  /** The task is being cancelled: only steps with `when` cancelled or always are answered. */
  cancelling: 8,
} as const;

/** One of the numbers of `ReadinessInput`. */
export type ReadinessInput = (typeof ReadinessInput)[keyof typeof ReadinessInput];

/** What readiness answers. The numbers are the ABI. */
export const ReadinessOutput = {
  /** The step may start. */
  ready: 0,
  /** The step's `when` can no longer hold; `cause` is the parent's index that decided it. */
  unreached: 1,
  /** The record could not be used: `step` holds an `InstanceFault`. */
  fault: 2,
} as const;

/** Why a record was refused. */
export const InstanceFault = { staleInstance: 1, stepOutOfRange: 2, unknownKind: 3 } as const;

/** Receives the answers of one tick, in the order of the records that caused them. */
export type AnswerVisitor = (instance: Instance, kind: number, step: number, cause: number) => void;

/**
 * Decides which steps may run, for all tasks of a node.
 *
 * A step is answered `ready` once when its parents' ends satisfy its `when`, and again after `due`
 * or `resumed`, unless it was started or ended meanwhile. Rules, per `when` (heritage: a cancelled
 * parent must never leave a child waiting):
 * - succeeded: ready when all parents ended well; unreached at the first parent that did not.
 * - failed: ready when all parents ended and at least one counts as failed; else unreached.
 * - cancelled: ready when all parents ended and at least one counts as cancelled; else unreached.
 * - always: ready when all parents ended, in whatever way.
 *
 * An unreached step ends at once, in the same tick, and its children see it: it counts as failed
 * when its cause counts as failed, as cancelled when its cause counts as cancelled, else as neither
 * (and then ends no one well). `cause` is the first such parent for `succeeded`; for `failed` and
 * `cancelled` the last parent to end. A second end of a step is a no-op. All calls are synchronous.
 *
 * A tick takes in all of its records before it draws conclusions from them, one record after the
 * other. So an end that is pushed wins over one that would be derived, and a history may be pushed in any
 * order: each step ends as it was pushed, and each that is ready and not started is answered once,
 * after all records were taken in. But causes depend on order, and through them how an unreached step
 * counts: only ends pushed in the order in which they happened are sure to lead to the same ones. A
 * step is answered at most once as ready in one tick. Further:
 * - started: also a step that is not ready becomes busy, and its parents decide nothing for it.
 * - due: only a busy step is judged again, from all that ended; for any other it is a no-op.
 * - paused: withholds what is ready; ends and unreached steps go on.
 * - resumed: comes after all else of its tick; the ready steps are answered in ascending order.
 * - cancelling: withholds what is ready unless its `when` asks for it; there is no way back.
 * - opened: judges every waiting step from all that ended. Where several parents could be the cause,
 *   and their order is not known, it is the lowest for `succeeded` and the highest for the others.
 * - faults are answered first; `cause` is 0 but for unreached steps.
 */
export interface Readiness {
  readonly kind: "rust" | "typescript";
  /**
   * Interns a graph; the same hash gives the same template.
   *
   * @throws {TaskerError} graph.cycle, graph.invalid
   */
  intern(hash: string, graph: Graph): Template;
  /** Makes room for a task. Its first tick must bring `opened`. */
  open(template: Template): Instance;
  /**
   * Moves an instance to a template with more steps, whose first steps are those of the old one,
   * with the same parents. New steps that are ready are answered at the next tick's `opened`.
   *
   * @throws {TaskerError} graph.invalid when it is not such a template
   */
  extend(instance: Instance, template: Template): void;
  /** Gives the room back. A stale handle is a no-op. */
  close(instance: Instance): void;
  /** Stages a record for the next tick. Cost: one typed-array write. */
  push(instance: Instance, input: ReadinessInput, step: number): void;
  /** Takes in all staged records, in order, and visits the answers. Cost: one call into Rust. */
  tick(visit: AnswerVisitor): void;
  /** Bytes that all open instances take in the core. */
  bytesUsed(): number;
}

/**
 * What is pushed to readiness of a step by the state it is in. Nothing of a pending one; nor of one that
 * was left unreached, which follows from its parents' ends.
 */
const INPUT_OF_STEP: Readonly<Partial<Record<StepStateName, ReadinessInput>>> = {
  running: ReadinessInput.started,
  waiting_for_reply: ReadinessInput.started,
  waiting_for_retry: ReadinessInput.started,
  parked: ReadinessInput.started,
  completed: ReadinessInput.succeeded,
  skipped: ReadinessInput.succeeded,
  resolved_manually: ReadinessInput.succeeded,
  failed: ReadinessInput.failed,
  cancelled: ReadinessInput.cancelled,
};

const INPUT_OF_TASK: Readonly<Partial<Record<Event["kind"], ReadinessInput>>> = {
  TaskStarted: ReadinessInput.opened,
  TaskPaused: ReadinessInput.paused,
  TaskResumed: ReadinessInput.resumed,
  TaskCancelRequested: ReadinessInput.cancelling,
};

/** What is pushed to readiness of an event that was just folded into a state; undefined: nothing. */
export function inputOf({ steps }: TaskState, event: Event): ReadinessInput | undefined {
  if (!("step" in event)) return INPUT_OF_TASK[event.kind];
  const step = steps[event.step];
  return step === undefined ? undefined : INPUT_OF_STEP[step.state];
}

/** What is pushed to readiness of a task that was read from its journal: ends in their order, and last. */
export function inputsOfState(state: TaskState): { input: ReadinessInput; step: number }[] {
  const inputs: { input: ReadinessInput; step: number }[] = [
    { input: ReadinessInput.opened, step: 0 },
  ];
  if (state.paused) inputs.push({ input: ReadinessInput.paused, step: 0 });
  if (state.cancelRequested) inputs.push({ input: ReadinessInput.cancelling, step: 0 });
  state.steps.forEach((step, index) => {
    const input = INPUT_OF_STEP[step.state];
    if (input === ReadinessInput.started) inputs.push({ input, step: index });
  });
  for (const step of state.ended) {
    const input = INPUT_OF_STEP[state.steps[step]?.state ?? "pending"];
    if (input !== undefined) inputs.push({ input, step });
  }
  return inputs;
}
