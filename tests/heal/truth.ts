/**
 * Truth: what a scenario breaks, found by asking its systems again. What becomes of a call is a function
 * of the call alone, so a cause is what has to be changed for the same call to go well. Pure.
 */

import type { Diagnosis } from "../../src/core/diagnosis.ts";
import { Draw } from "../../src/simulation/draw.ts";
import {
  type Scenario,
  type ScenarioInstance,
  type ScenarioSystem,
  type ScenarioTask,
  valueAt,
} from "../../src/simulation/scenario.ts";

/** When a scenario is not as it is at its beginning; absent: it always is. */
export interface Fault {
  readonly fromMinute: number;
  readonly untilMinute: number;
}

/** How a diagnosis says where a failure comes from, against what the scenario plays. */
export interface PathScore {
  /** 0 where a cause is missed, else the share of what it names that is one. Source: ITBench-AA. */
  readonly score: number;
  readonly missed: readonly string[];
  readonly wrong: readonly string[];
}

/** Attempts that are asked for, and how far apart, in minutes. */
const CALLS = 40;
const STEP = 1 / 6;

/** How much slower, or how much more load, is another state. */
const CHANGED = 1.25;

/** What changes the share of bad calls by as much is a cause. */
const CAUSE_MIN = 0.5;

/** The moment may be named this much earlier or later, in minutes. */
const EARLY = 1;
const LATE = 5;

/** Finds when the scenario is not as it is at its beginning. Cost: some 0.2 s. */
export function faultOf(scenario: Scenario): Fault | undefined {
  const usual = stateAt(scenario, 0);
  const times = Array.from({ length: Math.floor(scenario.minutes / STEP) }, (_, at) => at * STEP);
  const faulty = times.filter((minute) => isOther(stateAt(scenario, minute), usual));
  const [first, last] = [faulty[0], faulty.at(-1)];
  return first === undefined || last === undefined
    ? undefined
    : { fromMinute: first, untilMinute: last + STEP };
}

/** What the same calls come to at a minute, and what load and capacity are then. */
function stateAt(scenario: Scenario, minute: number): Readonly<Record<string, number>> {
  const state: Record<string, number> = {};
  for (const [workflow, of] of Object.entries(scenario.workflows)) {
    state[`load ${workflow}`] = valueAt(of.perMinute, minute);
    for (const step of Object.keys(of.steps)) {
      const calls = callsOf(scenario, { workflow, step, minute });
      state[`bad ${workflow}/${step}`] = calls.filter(({ isBad }) => isBad).length;
      state[`ms ${workflow}/${step}`] = calls.reduce((sum, { ms }) => sum + ms, 0);
    }
  }
  for (const [name, system] of Object.entries(scenario.systems)) {
    const { capacity: { workers = Infinity } = {}, rateLimit: { perS = Infinity } = {} } = system;
    state[`capacity ${name}`] = valueAt(workers, minute) * instancesOf(name, system, minute).length;
    state[`rate ${name}`] = valueAt(perS, minute);
  }
  const jumps = scenario.clockJumps?.filter((jump) => jump.minute <= minute) ?? [];
  return { ...state, clock: jumps.reduce((sum, { ms }) => sum + ms, 1) };
}

function isOther(state: ReturnType<typeof stateAt>, usual: ReturnType<typeof stateAt>): boolean {
  return Object.entries(usual).some(([what, was]) => {
    const is = state[what] ?? 0;
    if (is === was) return false;
    const isExact = what.startsWith("bad ") || what === "clock";
    return isExact || Math.max(is, was) > CHANGED * Math.max(0, Math.min(is, was));
  });
}

/** The tasks of a minute, and what each comes to; the same draws at every minute. */
function callsOf(
  scenario: Scenario,
  { workflow, step, minute }: {
    readonly workflow: string;
    readonly step: string;
    readonly minute: number;
  },
) {
  const of = scenario.workflows[workflow];
  const first = Math.floor(valueAt(of?.perMinute ?? 0, minute) * minute);
  return Array.from({ length: CALLS }, (_, at) => {
    const number = first + at;
    const given = of?.task?.({ draw: new Draw(`truth/task/${at}`), number, minute });
    const version = valueAt(of?.version ?? "1.0.0", minute);
    const task = { input: {}, tags: [], priority: 3, ...given, workflow, version, number, minute };
    return callOf(scenario, { task, step, minute }, at);
  });
}

/** One call, as the scenario decides it. */
interface Asked {
  readonly task: ScenarioTask;
  readonly step: string;
  readonly minute: number;
  /** Absent: each in turn. */
  readonly instance?: string;
  /** Absent: that of the step. */
  readonly system?: string;
}

function callOf(scenario: Scenario, { task, step, minute, ...at }: Asked, number: number) {
  const { system: owner = "", policy } = scenario.workflows[task.workflow]?.steps[step] ?? {};
  const name = at.system ?? owner;
  const system = scenario.systems[name];
  const limitMs = policy?.timeoutMs ?? 30_000;
  if (system === undefined) return { isBad: true, ms: limitMs };
  const instances = instancesOf(name, system, minute);
  const instance = at.instance ?? instances[number % instances.length] ?? "";
  const draw = new Draw(`truth/${number}`);
  const reaction = system.react({ minute, task, step, attempt: 1, system: name, instance, draw });
  const ms = Math.min(reaction?.ms ?? Infinity, limitMs);
  return { isBad: reaction === undefined || "failure" in reaction || ms >= limitMs, ms };
}

function instancesOf(name: string, { instances = 1 }: ScenarioSystem, minute: number): string[] {
  if (typeof instances === "number") {
    return Array.from({ length: instances }, (_, index) => `${name}-${index + 1}`);
  }
  const isThere = ({ fromMinute = 0, untilMinute = Infinity }: ScenarioInstance) =>
    minute >= fromMinute && minute < untilMinute;
  return Object.entries(instances).flatMap(([name, of]) => isThere(of) ? [name] : []);
}

/** The share of calls that go badly. */
function badShare(scenario: Scenario, asked: Asked): number {
  const calls = Array.from({ length: CALLS }, (_, number) => callOf(scenario, asked, number));
  return calls.filter(({ isBad }) => isBad).length / CALLS;
}

/** What has to be changed for a call to go well: the values by which a cause may be named. */
type Causes = ReadonlyMap<string, readonly string[]>;

/** Changes one thing of a failed call after the other; `others` are tasks of the same time. */
function causesOf(scenario: Scenario, failed: Asked, others: readonly ScenarioTask[]): Causes {
  const share = badShare(scenario, failed);
  const { task, step, minute } = failed;
  const causes = new Map<string, readonly string[]>();
  const owner = scenario.workflows[task.workflow]?.steps[step]?.system ?? "";
  const system = scenario.systems[owner];
  const instances = system === undefined ? [] : instancesOf(owner, system, minute);
  const byInstance = instances.map((instance) => badShare(scenario, { ...failed, instance }));
  const least = Math.min(...byInstance);
  const sick = instances.filter((_, at) => (byInstance[at] ?? 0) - least >= CAUSE_MIN);
  if (sick.length > 0) causes.set("instance", sick);
  const goesWell = (change: Partial<ScenarioTask>) =>
    badShare(scenario, { ...failed, task: { ...task, ...change } }) <= share - CAUSE_MIN;
  const versions = new Set(others.map(({ version }) => version));
  if ([...versions].some((version) => goesWell({ version }))) causes.set("version", [task.version]);
  const without = others.filter(({ tags }) => goesWell({ tags }));
  const tags = task.tags.filter((tag) => without.some((other) => !other.tags.includes(tag)));
  if (tags.length > 0) causes.set("tag", tags);
  const numbers = others.filter(({ number }) => number !== task.number);
  const well = numbers.filter(({ number }) => goesWell({ number }));
  if (well.length > 0.9 * numbers.length) causes.set("task", [""]);
  return causes;
}

/** What evidence names as the cause. What else it counts, shares and times, names none. */
const NAMED: Readonly<Record<string, string>> = {
  contrast_instance: "instance",
  contrast_system: "system",
  contrast_tag: "tag",
  contrast_inputSize: "inputSize",
  contrast_version: "version",
  began_with_version: "version",
  contrast_policy: "policy",
  began_with_policy: "policy",
  one_task: "task",
};

/** Scores where a diagnosis says that a failure comes from. */
export function scorePath(
  { step, began, evidence }: Pick<Diagnosis, "step" | "began" | "evidence">,
  { scenario, fault, task, others, beginMs }: {
    readonly scenario: Scenario;
    readonly fault: Fault | undefined;
    /** The task that failed. */
    readonly task: ScenarioTask;
    readonly others: readonly ScenarioTask[];
    readonly beginMs: number;
  },
): PathScore {
  const causes = causesOf(scenario, { task, step, minute: task.minute + 0.01 }, others);
  const steps = scenario.wanted.diagnosis?.steps ?? [began.step];
  const named = evidence.flatMap(({ id, text }) => {
    const attribute = NAMED[id];
    if (attribute === undefined) return [];
    // Another system does what this one fails: it is right to say so, and no fault not to.
    const isRight = attribute === "system" ||
      causes.get(attribute)?.some((value) => text.includes(value)) === true;
    return [{ what: attribute, isRight }];
  });
  const claims = [
    { what: "step", isRight: steps.includes(began.step) },
    { what: "moment", isRight: isMoment(fault, minuteOf(scenario, beginMs, began.at)) },
    ...named,
  ];
  const right = new Set(claims.flatMap(({ what, isRight }) => isRight ? what : []));
  const missed = ["step", "moment", ...causes.keys()].filter((what) => !right.has(what));
  return {
    score: missed.length > 0 ? 0 : claims.filter(({ isRight }) => isRight).length / claims.length,
    missed,
    wrong: named.flatMap(({ what, isRight }) => isRight ? [] : what),
  };
}

/** What grows slowly, or waits in queues first, is seen later than it begins. */
function isMoment(fault: Fault | undefined, minute: number): boolean {
  return fault !== undefined && minute >= fault.fromMinute - EARLY &&
    minute <= fault.fromMinute + LATE;
}

/** Minutes since the run began, by a clock that the scenario sets. */
function minuteOf({ clockJumps = [] }: Scenario, beginMs: number, at: string): number {
  let minute = (Date.parse(at) - beginMs) / 60_000;
  for (const jump of clockJumps) if (minute >= jump.minute) minute -= jump.ms / 60_000;
  return minute;
}
