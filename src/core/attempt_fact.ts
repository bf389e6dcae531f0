/** Attempt facts: what the journal of a task says about its attempts that ended. */

import type { Event, Failure, FailureClass, Turn } from "./event.ts";
import type { NodeMark, TaskId } from "./ids.ts";
import type { Plan } from "./plan.ts";
import { redactText } from "./redaction.ts";
import { SensitiveValues } from "./sensitive.ts";
import type { TaskState } from "./state.ts";

/** Characters of an error's code and message that a fact keeps; they are others' text. */
const ERROR_CODE_SIZE_MAX = 200;
const ERROR_MESSAGE_SIZE_MAX = 500;

/** Characters of an error that is parsed for its code; a longer one has none. */
const ERROR_SIZE_MAX = 64 * 1024;

/**
 * How an attempt ended. Cancelled: the task, a person or a late result of an earlier attempt ended it
 * before it answered.
 */
export type AttemptOutcome = "completed" | FailureClass | "cancelled";

/**
 * An error in few words. Code and message are others' text; in a fact, what they must not show is
 * hidden already.
 */
export interface AttemptError {
  readonly class: FailureClass;
  readonly code?: string;
  readonly message?: string;
}

/** One attempt that ended. */
export interface AttemptFact {
  readonly taskId: TaskId;
  /** `namespace/name`. */
  readonly workflow: string;
  readonly version: string;
  /** The step's name. */
  readonly step: string;
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** From ready to started. */
  readonly waitedMs: number;
  /**
   * From started to ended. Only of a completed attempt and of an answered failure it is how long the
   * work took; else (timed_out, interrupted, cancelled) that took at least as long, or never ended.
   */
  readonly ranMs: number;
  readonly outcome: AttemptOutcome;
  readonly error?: AttemptError;
  /** Whether the engine itself makes another attempt. */
  readonly isRetried: boolean;
  /** Unix ms; its result came after all, although the attempt had been given up. */
  readonly lateAtMs?: number;
  /** The overlay that the attempt began under; 0: none. */
  readonly policyVersion: number;
  /** The system that was chosen for it; absent: the step's owner. */
  readonly system?: string;
  /** The instance of the system that answered, as it says. */
  readonly instance?: string;
  /** The node that ran it, or sent it to its system; absent: not known. */
  readonly node?: NodeMark;
  /** The tags of its task. */
  readonly tags: readonly string[];
}

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };
type Started = Extract<Event, { kind: "StepStarted" }>;

/** What is known of one step while its events are read. */
interface StepFacts {
  open: Started | undefined;
  /** The node that started that. */
  node: NodeMark | undefined;
  readonly byAttempt: Map<number, Mutable<AttemptFact>>;
}

/**
 * Derives the facts of a task's attempts that ended, in the order in which they ended. Attempts that
 * are under way have none. Sleeps and signals are attempts as well: see the kind of the step.
 *
 * Shape: `turns` are all turns of the task, or the first ones, in order.
 * Cost: O(events), and one JSON.parse for each failure.
 */
export function attemptFacts(
  plan: Plan,
  taskId: TaskId,
  tags: readonly string[],
  turns: Iterable<Pick<Turn, "events" | "node">>,
): AttemptFact[] {
  const { workflow, definition: { version } } = plan;
  const steps: StepFacts[] = plan.steps.map(() => ({
    open: undefined,
    node: undefined,
    byAttempt: new Map(),
  }));
  const facts: AttemptFact[] = [];
  const sensitive = new SensitiveValues(plan);
  const end = (of: StepFacts, at: Event & { readonly step: number }, how: Ended) => {
    const { open } = of;
    if (open === undefined) return;
    of.open = undefined;
    const fact: AttemptFact = {
      taskId,
      workflow,
      version,
      step: plan.steps[at.step]?.name ?? String(at.step),
      attempt: open.attempt,
      startedAtMs: open.atMs,
      endedAtMs: at.atMs,
      waitedMs: open.waitedMs,
      ranMs: Math.max(0, at.atMs - open.atMs),
      ...how,
      ...(how.error && { error: hiddenIn(how.error, sensitive) }),
      policyVersion: open.policyVersion,
      ...(open.system !== undefined && { system: open.system }),
      ...(of.node !== undefined && { node: of.node }),
      tags,
    };
    of.byAttempt.set(open.attempt, fact);
    facts.push(fact);
  };
  const read = (event: Event, node: NodeMark | undefined) => {
    sensitive.note(event);
    const of = "step" in event ? steps[event.step] : undefined;
    if (of === undefined || !("step" in event)) return;
    if (event.kind === "StepStarted") [of.open, of.node] = [event, node];
    else {
      if (event.kind === "StepCompleted") noteLate(of, event);
      const how = endedBy(event, of);
      if (how !== undefined) end(of, event, how);
    }
  };
  for (const { events, node } of turns) {
    for (const event of events) read(event, node);
  }
  return facts;
}

type Ended = Pick<AttemptFact, "outcome" | "error" | "isRetried" | "instance">;

/** How an event ended the attempt that is under way; undefined: it ended none. */
function endedBy(event: Event, { open }: StepFacts): Ended | undefined {
  switch (event.kind) {
    case "StepCompleted":
      return open?.attempt === event.attempt
        ? { outcome: "completed", ...GIVEN_UP, ...by(event) }
        : { outcome: "cancelled", ...GIVEN_UP };
    case "StepAttemptFailed":
      return { ...failed(event.failure), isRetried: true, ...by(event) };
    case "StepFailed":
      return { ...failed(event.failure), ...GIVEN_UP, ...by(event) };
    case "StepParked":
      return event.failure && { ...failed(event.failure), ...GIVEN_UP, ...by(event) };
    case "StepInterrupted":
      return { outcome: "interrupted", error: { class: "interrupted" }, isRetried: true };
    case "StepCancelled":
    case "StepResolved":
    case "StepSkipped":
    case "StepRetried":
      return { outcome: "cancelled", ...GIVEN_UP };
    default:
      return undefined;
  }
}

const GIVEN_UP = { isRetried: false };

function by({ instance }: { readonly instance?: string }): Pick<AttemptFact, "instance"> {
  return instance === undefined ? {} : { instance };
}

function failed(failure: Failure): Pick<AttemptFact, "outcome" | "error"> {
  return { outcome: failure.class, error: attemptError(failure) };
}

function hiddenIn({ code, message, ...error }: AttemptError, of: SensitiveValues): AttemptError {
  return {
    ...error,
    ...(code !== undefined && { code: of.hide(code) }),
    ...(message !== undefined && { message: redactText(of.hide(message)).text }),
  };
}

/** A result of an attempt that had been given up. */
function noteLate(of: StepFacts, { attempt, atMs }: { attempt: number; atMs: number }): void {
  const late = of.byAttempt.get(attempt);
  if (late !== undefined) late.lateAtMs = atMs;
}

/**
 * Says in few words what failed: `error_code` and `error_message`, or `code` and `message`, as far as
 * the error has them.
 */
export function attemptError(failure: Failure): AttemptError {
  const error = failure.error.length > ERROR_SIZE_MAX ? undefined : fieldsOf(failure.error);
  const code = codeOf(wordOf(error?.error_code ?? error?.code, ERROR_CODE_SIZE_MAX));
  const message = wordOf(error?.error_message ?? error?.message, ERROR_MESSAGE_SIZE_MAX);
  return {
    class: failure.class,
    ...(code !== undefined && { code }),
    ...(message !== undefined && { message }),
  };
}

/**
 * Returns the code of a failure for lists and counts; undefined: it has none, or repeats what a contract
 * marks.
 */
export function shownCode(
  failure: Failure,
  { plan, state }: { readonly plan: Plan; readonly state: TaskState | undefined },
): string | undefined {
  const { code } = attemptError(failure);
  return code === undefined || SensitiveValues.of(plan, state).hide(code) === code
    ? code
    : undefined;
}

/** Codes are counted and shown everywhere: one that may hold more than a code is redacted. */
function codeOf(word: string | undefined): string | undefined {
  if (word === undefined || /^(?:[\w.:-]{1,16}|[a-z_.:-]{1,60})$/i.test(word)) return word;
  return redactText(word).text;
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> | undefined {
  const value: unknown = JSON.parse(text);
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : undefined;
}

function wordOf(value: unknown, sizeMax: number): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value.slice(0, sizeMax) : undefined;
}
