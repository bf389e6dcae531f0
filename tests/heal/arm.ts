/** Arms: one run of a scenario, with or without healing, and everything that is scored of it. */

import type { TaskId } from "../../src/core/ids.ts";
import type { Incident } from "../../src/core/incident.ts";
import type { Policy } from "../../src/core/policy.ts";
import { SYSTEMS_NAMESPACE } from "../../src/core/policy.ts";
import type { PolicyOverlay } from "../../src/core/ports.ts";
import { openDiagnoser } from "../../src/heal/diagnoser.ts";
import { Draw } from "../../src/simulation/draw.ts";
import { PERSON } from "../../src/simulation/healing.ts";
import type { Scenario, ScenarioWorkflow } from "../../src/simulation/scenario.ts";
import { loadScenario } from "../../src/simulation/scenario_file.ts";
import { scoreOf } from "../../src/simulation/score.ts";
import { openWorld, type World } from "../../src/simulation/world.ts";
import { actionsOf, type SeenAction } from "./overlay_actions.ts";
import { type Fault, faultOf, type PathScore, scorePath } from "./truth.ts";

/** Which run. */
export interface ArmOf {
  /** The scenario's file. */
  readonly path: string;
  readonly seed: number;
  readonly heals: boolean;
  /** All steps have this budget, and healing may not change it; absent: as the scenario says. */
  readonly attemptsMax?: number;
}

/** A diagnosis, and what it should have been. */
export interface ScoredDiagnosis {
  readonly type: string;
  readonly confidence: number;
  readonly isRight: boolean;
  /** The kind is one that nobody has named: only "novel" is right. */
  readonly isUnknown: boolean;
  /** Whether it began where the scenario says; absent: that is open. */
  readonly isAtStep?: boolean;
  /** Whether it says where the failure comes from. */
  readonly path: PathScore;
}

/** What a run came to. */
export interface ArmResult extends ArmOf {
  readonly name: string;
  readonly about: string;
  readonly isControl: boolean;
  readonly minutes: number;
  /** From the first minute in which something is wrong to the last. */
  readonly faultMinutes: number;
  readonly breachMinutes: number;
  readonly goodput: number;
  readonly tasks: number;
  readonly attempts: number;
  /** Tasks that needed a person, approvals, and what only people can change. */
  readonly touches: number;
  /** Proposals that a person refused, because the scenario forbids them. */
  readonly refused: number;
  readonly actions: readonly SeenAction[];
  readonly diagnoses: readonly ScoredDiagnosis[];
  readonly tookMs: number;
}

/** Failed tasks of a run that are diagnosed. */
const DIAGNOSED_MAX = 4;

/** Tasks that a failed one is compared with, and how near they arrived, in minutes. */
const OTHERS_MAX = 50;
const NEAR = 15;

/** Lets a scenario happen once. */
export async function runArm(of: ArmOf): Promise<ArmResult> {
  const beganMs = performance.now();
  const make = await loadScenario(of.path);
  const opened = () => withBudget(make(new Draw(`${of.seed}/magnitudes`)), of.attemptsMax);
  const scenario = opened();
  // Systems may remember what they are asked: the run must not be asked for the truth.
  const fault = faultOf(opened());
  const asked = opened();
  const world = await openWorld(scenario, { seed: of.seed, heals: of.heals });
  const diagnoses: ScoredDiagnosis[] = [];
  try {
    await world.run(async (minute) => {
      const isDue = of.heals && of.attemptsMax === undefined && minute % 10 === 9;
      if (isDue && diagnoses.length < DIAGNOSED_MAX) {
        diagnoses.push(...await diagnoseOne(world, { fault, asked }));
      }
    });
    const { breachMinutes, goodput, tasks, attempts, touches } = scoreOf(scenario, world.records);
    return {
      ...of,
      name: of.path.split("/").at(-1)?.replace(/\.ts$/, "") ?? of.path,
      about: scenario.about,
      isControl: scenario.wanted.isControl === true,
      minutes: scenario.minutes,
      faultMinutes: fault === undefined ? 0 : fault.untilMinute - fault.fromMinute,
      breachMinutes,
      goodput,
      tasks,
      attempts,
      touches: touches + world.asked,
      refused: world.incidents().filter(({ approval }) =>
        isByPerson(approval) && approval?.approved === false
      ).length,
      actions: await allActions(world),
      diagnoses,
      tookMs: Math.round(performance.now() - beganMs),
    };
  } finally {
    await world[Symbol.asyncDispose]();
  }
}

/** The same with another budget of attempts. */
function withBudget(scenario: Scenario, attemptsMax: number | undefined): Scenario {
  if (attemptsMax === undefined) return scenario;
  const limited = (of: ScenarioWorkflow): ScenarioWorkflow => ({
    ...of,
    ...(of.heal !== undefined && { heal: { ...of.heal, attemptsMax: [attemptsMax, attemptsMax] } }),
    steps: Object.fromEntries(
      Object.entries(of.steps).map(([name, step]) => {
        const policy: Policy = { ...step.policy, retry: { ...step.policy?.retry, attemptsMax } };
        return [name, { ...step, policy }];
      }),
    ),
  });
  const workflows = Object.entries(scenario.workflows).map(([name, of]) => [name, limited(of)]);
  return { ...scenario, workflows: Object.fromEntries(workflows) };
}

function isByPerson(approval: Incident["approval"]): boolean {
  return approval?.by === PERSON;
}

async function allActions(world: World): Promise<readonly SeenAction[]> {
  const { scenario, policies, directory } = world;
  const approved = world.incidents().filter(({ approval }) => isByPerson(approval))
    .map(({ id }) => `Incident ${id} `);
  const isApproved = ({ reason }: PolicyOverlay) => approved.some((id) => reason.startsWith(id));
  const instancesOf = (system: string) => directory.get(system)?.instances.length ?? 0;
  const targets = [
    ...Object.keys(scenario.workflows),
    ...Object.keys(scenario.systems).map((system) => `${SYSTEMS_NAMESPACE}/${system}`),
  ];
  const all = await Promise.all(targets.map(async (target) => {
    const [namespace = "", name = ""] = target.split("/");
    const versions = await policies.versions(namespace, name);
    return actionsOf(target, versions, { scenario, instancesOf, isApproved });
  }));
  return all.flat().sort((a, b) => a.atMs - b.atMs);
}

/** Diagnoses the task that failed last, if one did since the last time. */
async function diagnoseOne(
  world: World,
  { fault, asked }: { readonly fault: Fault | undefined; readonly asked: Scenario },
): Promise<readonly ScoredDiagnosis[]> {
  const { records, scenario, beginMs } = world;
  const expected = scenario.wanted.diagnosis;
  const failed = records.findLast(({ end, parks, taskId, task }) =>
    taskId !== undefined && (parks > 0 || end === "failed") && task.minute > world.minute - 10
  );
  if (failed?.taskId === undefined || expected === undefined) return [];
  const diagnosis = await diagnose(world, failed.taskId);
  if (diagnosis === undefined) return [];
  const { failure_type: type, confidence, step } = diagnosis;
  const { task } = failed;
  const near = records.filter((one) =>
    one.task.workflow === task.workflow && Math.abs(one.task.minute - task.minute) < NEAR
  );
  const every = Math.ceil(near.length / OTHERS_MAX);
  const others = near.flatMap((one, at) => at % every === 0 ? one.task : []);
  return [{
    type,
    confidence,
    isRight: expected.failureType.includes(type),
    isUnknown: expected.failureType.includes("novel"),
    ...(expected.steps !== undefined && { isAtStep: expected.steps.includes(step) }),
    path: scorePath(diagnosis, { scenario: asked, fault, task, others, beginMs }),
  }];
}

async function diagnose(world: World, taskId: TaskId) {
  const { journal, registry, engine, runtime, statistics } = world;
  const turns = journal.turns(taskId);
  const started = turns[0]?.events[0];
  if (started?.kind !== "TaskStarted") return undefined;
  const diagnoser = openDiagnoser({
    runtime,
    history: {
      turns: (_, after, limit) => {
        const rest = turns.filter(({ turn }) => turn > after);
        return Promise.resolve({ turns: rest.slice(0, limit), isLast: rest.length <= limit });
      },
    },
    tasks: journal,
    statistics: statistics ?? { read: () => Promise.resolve([]) },
    plans: registry,
    policyOf: (of, step) => engine.policyOf(of, step),
    workflowsOf: (system) => registry.owners().find(({ name }) => name === system)?.workflows ?? [],
  });
  const { definitionHash } = started;
  const namespace = registry.cached(definitionHash)?.definition.namespace ?? "";
  return await diagnoser.diagnose({ taskId, definitionHash, namespace, namespaces: undefined });
}
