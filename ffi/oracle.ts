/** Readiness in plain TypeScript: the twin of the Rust core in tests, and the fallback without it. */

import { assert, TaskerError } from "../src/core/errors.ts";
import type { Graph, When } from "../src/core/graph.ts";
import {
  type AnswerVisitor,
  type Instance,
  InstanceFault,
  type Readiness,
  ReadinessInput,
  ReadinessOutput,
  type Template,
} from "../src/core/readiness.ts";
import { type CheckedGraph, checkGraph, extendsGraph } from "./template.ts";

/** An instance is `generation * INDEXES + index`. */
const INDEXES = 2 ** 32;

/** A slot is given out again while its generation is below this: instances are safe integers. */
const GENERATION_MAX = 2 ** 21 - 1;

/** How a step has ended, as its children see it; `neither` is an unreached step. */
type End = "well" | "failed" | "cancelled" | "neither";

/** Where a step stands; `ending` has ended in this tick, and its children have not seen it yet. */
type Phase = "waiting" | "ready" | "busy" | "ending" | End;

interface Task {
  readonly instance: Instance;
  graph: CheckedGraph;
  phases: Phase[];
  /** How many parents of each step have not ended: without it, a join would cost parents squared. */
  parentsLeft: number[];
  paused: boolean;
  cancelling: boolean;
  /** Resumed in this tick. */
  resumed: boolean;
}

interface Record {
  readonly instance: Instance;
  readonly input: number;
  readonly step: number;
}

interface Answer {
  readonly instance: Instance;
  readonly kind: number;
  readonly step: number;
  readonly cause: number;
}

/** What follows from the records of a tick, to be worked off in order. */
type Note =
  | { readonly kind: "end"; readonly task: Task; readonly step: number; readonly end: End }
  | { readonly kind: "look"; readonly task: Task; readonly step: number }
  | { readonly kind: "lookAtAll"; readonly task: Task };

/** What the ends of its parents mean for a step; a number is the parent that broke its `when`. */
type Verdict = "holds" | "waits" | number;

const ENDS = new Map<number, End>([
  [ReadinessInput.succeeded, "well"],
  [ReadinessInput.failed, "failed"],
  [ReadinessInput.cancelled, "cancelled"],
]);

/** Opens an oracle. It answers as the Rust core does, some ten times slower. */
export function openOracle(): Readiness {
  return new Oracle();
}

class Oracle implements Readiness {
  readonly kind = "typescript";
  readonly #graphs: CheckedGraph[] = [];
  readonly #templates = new Map<string, Template>();
  readonly #tasks: (Task | undefined)[] = [];
  /** Odd while the slot is open: a handle that outlives its task matches nothing. */
  readonly #generations: number[] = [];
  readonly #free: number[] = [];
  #records: Record[] = [];
  #notes: Note[] = [];
  /** Steps that the note at hand left unreached, and how they count for their children. */
  #unreached: { readonly step: number; readonly end: End }[] = [];
  #answers: Answer[] = [];
  #visiting = false;

  intern(hash: string, graph: Graph): Template {
    const known = this.#templates.get(hash);
    if (known !== undefined) return known;
    const template = this.#graphs.push(checkGraph(hash, graph)) - 1;
    this.#templates.set(hash, template);
    return template;
  }

  open(template: Template): Instance {
    const graph = this.#graphOf(template);
    const index = this.#free.pop() ?? this.#tasks.length;
    const generation = (this.#generations[index] ?? 0) + 1;
    const instance = generation * INDEXES + index;
    this.#generations[index] = generation;
    this.#tasks[index] = {
      instance,
      graph,
      phases: graph.when.map(() => "waiting"),
      parentsLeft: graph.parents.map((parents) => parents.length),
      paused: false,
      cancelling: false,
      resumed: false,
    };
    return instance;
  }

  extend(instance: Instance, template: Template): void {
    const graph = this.#graphOf(template);
    const task = this.#taskOf(instance);
    if (task === undefined) {
      throw invalid(`extend instance ${instance}`, "the instance is closed");
    }
    if (!extendsGraph(graph, task.graph)) {
      throw invalid(
        `extend instance ${instance}`,
        "the template does not begin with the same steps",
      );
    }
    task.phases = graph.when.map((_, step) => task.phases[step] ?? "waiting");
    task.parentsLeft = graph.parents.map((parents) =>
      parents.reduce((left, parent) => left + (hasEnded(task, parent) ? 0 : 1), 0)
    );
    task.graph = graph;
  }

  close(instance: Instance): void {
    if (this.#taskOf(instance) === undefined) return;
    const index = instance % INDEXES;
    const generation = (this.#generations[index] as number) + 1;
    this.#tasks[index] = undefined;
    this.#generations[index] = generation;
    if (generation < GENERATION_MAX) this.#free.push(index);
  }

  push(instance: Instance, input: ReadinessInput, step: number): void {
    this.#records.push({ instance, input, step });
  }

  tick(visit: AnswerVisitor): void {
    assert(!this.#visiting, "tick() was called by the visitor of a tick");
    const answers = this.#settle();
    this.#visiting = true;
    try {
      for (const { instance, kind, step, cause } of answers) visit(instance, kind, step, cause);
    } finally {
      this.#visiting = false;
    }
  }

  bytesUsed(): number {
    return this.#tasks.reduce((bytes, task) => bytes + (task ? bytesOf(task) : 0), 0);
  }

  /** Takes in the staged records, works off what follows from them, and returns the answers. */
  #settle(): Answer[] {
    const resumed = new Set<Task>();
    for (const record of this.#records) {
      const fault = this.#takeIn(record, resumed);
      if (fault !== undefined) {
        const { instance } = record;
        this.#answers.push({ instance, kind: ReadinessOutput.fault, step: fault, cause: 0 });
      }
    }
    for (const note of this.#notes) this.#workOff(note);
    for (const task of resumed) this.#answerResumed(task);
    const answers = this.#answers;
    this.#records = [];
    this.#notes = [];
    this.#answers = [];
    return answers;
  }

  /** Sets what a record says and notes what follows; returns why it cannot be used. */
  #takeIn({ instance, input, step }: Record, resumed: Set<Task>): number | undefined {
    const task = this.#taskOf(instance);
    if (task === undefined) return InstanceFault.staleInstance;
    switch (input) {
      case ReadinessInput.opened:
        this.#notes.push({ kind: "lookAtAll", task });
        return undefined;
      case ReadinessInput.paused:
        task.paused = true;
        return undefined;
      case ReadinessInput.resumed:
        task.paused = false;
        task.resumed = true;
        resumed.add(task);
        return undefined;
      case ReadinessInput.cancelling:
        task.cancelling = true;
        return undefined;
      case ReadinessInput.started:
      case ReadinessInput.due:
      case ReadinessInput.succeeded:
      case ReadinessInput.failed:
      case ReadinessInput.cancelled:
        if (step >= task.graph.stepCount) return InstanceFault.stepOutOfRange;
        this.#takeInStep(task, input, step);
        return undefined;
      default:
        return InstanceFault.unknownKind;
    }
  }

  #takeInStep(task: Task, input: number, step: number): void {
    const phase = task.phases[step] as Phase;
    if (phase === "ending" || hasEnded(task, step)) return;
    const end = ENDS.get(input);
    if (end !== undefined) {
      task.phases[step] = "ending";
      this.#notes.push({ kind: "end", task, step, end });
    } else if (input === ReadinessInput.started) {
      task.phases[step] = "busy";
    } else if (phase === "busy") {
      task.phases[step] = "waiting";
      this.#notes.push({ kind: "look", task, step });
    }
  }

  /** Does what a note says, and all that follows from it. */
  #workOff(note: Note): void {
    const { task } = note;
    switch (note.kind) {
      case "end":
        this.#showEnd(task, note.step, note.end);
        break;
      case "look":
        this.#look(task, note.step);
        break;
      case "lookAtAll":
        for (let step = 0; step < task.graph.stepCount; step++) this.#look(task, step);
    }
    // Grows while it is walked: a step left unreached may leave its children so.
    for (const { step, end } of this.#unreached) this.#showEnd(task, step, end);
    this.#unreached = [];
  }

  /** Ends a step and shows it to its children. */
  #showEnd(task: Task, step: number, end: End): void {
    task.phases[step] = end;
    for (const child of task.graph.children[step] as readonly number[]) {
      task.parentsLeft[child] = (task.parentsLeft[child] as number) - 1;
      if (task.phases[child] !== "waiting") continue;
      const isSpoilt = end !== "well" && task.graph.when[child] === "succeeded";
      this.#decide(task, child, isSpoilt ? step : verdictOf(task, child, step));
    }
  }

  /** Judges a waiting step from scratch. */
  #look(task: Task, step: number): void {
    if (task.phases[step] !== "waiting") return;
    const parents = task.graph.parents[step] as Uint32Array;
    const spoiler = task.graph.when[step] === "succeeded"
      ? parents.find((parent) => hasEnded(task, parent) && task.phases[parent] !== "well")
      : undefined;
    this.#decide(task, step, spoiler ?? verdictOf(task, step, parents.at(-1) ?? 0));
  }

  /** Moves a waiting step to where its verdict puts it. */
  #decide(task: Task, step: number, verdict: Verdict): void {
    if (verdict === "waits") return;
    const { instance } = task;
    if (verdict === "holds") {
      task.phases[step] = "ready";
      if (!task.resumed && mayStart(task, step)) {
        this.#answers.push({ instance, kind: ReadinessOutput.ready, step, cause: 0 });
      }
      return;
    }
    const cause = task.phases[verdict];
    const end = cause === "failed" || cause === "cancelled" ? cause : "neither";
    task.phases[step] = "ending";
    this.#unreached.push({ step, end });
    this.#answers.push({ instance, kind: ReadinessOutput.unreached, step, cause: verdict });
  }

  /** Answers all ready steps. */
  #answerResumed(task: Task): void {
    task.resumed = false;
    task.phases.forEach((phase, step) => {
      if (phase !== "ready" || !mayStart(task, step)) return;
      this.#answers.push({ instance: task.instance, kind: ReadinessOutput.ready, step, cause: 0 });
    });
  }

  #graphOf(template: Template): CheckedGraph {
    const graph = this.#graphs[template];
    if (graph === undefined) throw invalid(`use template ${template}`, "there is no such template");
    return graph;
  }

  #taskOf(instance: Instance): Task | undefined {
    const task = this.#tasks[instance % INDEXES];
    return task?.instance === instance ? task : undefined;
  }
}

/** Judges a step that no parent has spoilt; `last` is the cause should its `when` be broken. */
function verdictOf(task: Task, step: number, last: number): Verdict {
  if (task.parentsLeft[step] !== 0) return "waits";
  const ends = Array.from(
    task.graph.parents[step] as Uint32Array,
    (parent) => task.phases[parent] as Phase,
  );
  switch (task.graph.when[step] as When) {
    case "succeeded":
      return ends.every((end) => end === "well") ? "holds" : "waits";
    case "failed":
      return ends.includes("failed") ? "holds" : last;
    case "cancelled":
      return ends.includes("cancelled") ? "holds" : last;
    case "always":
      return "holds";
  }
}

function hasEnded(task: Task, step: number): boolean {
  const phase = task.phases[step];
  return phase === "well" || phase === "failed" || phase === "cancelled" || phase === "neither";
}

/** Whether a ready step may be answered. */
function mayStart(task: Task, step: number): boolean {
  const when = task.graph.when[step];
  return !task.paused && (!task.cancelling || when === "cancelled" || when === "always");
}

/** Roughly what V8 takes: an object, and two arrays with a word a step. */
function bytesOf(task: Task): number {
  return 200 + 16 * task.phases.length;
}

function invalid(action: string, reason: string): TaskerError {
  return new TaskerError("graph.invalid", `Cannot ${action}: ${reason}`);
}
