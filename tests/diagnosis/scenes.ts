/** Scenes: attempts of many tasks before and after a failure begins, drawn at random from a seed. */

import type { AttemptFact } from "../../src/core/attempt_fact.ts";
import { mintTaskId } from "../../src/core/ids.ts";
import { mulberry32 } from "../../src/heal/bootstrap.ts";
import type { DiagnosisInput } from "../../src/heal/diagnosis.ts";
import type { Case } from "./cases.ts";

const NOW_MS = 1_767_225_600_000;
const MINUTE_MS = 60_000;
const WORKFLOW = "shop/order";
const TIMEOUT_MS = 10_000;

/** Steps of the workflow, and the system of each. */
const STEPS = [
  ["prepare", "shop"],
  ["call", "gateway"],
  ["refund", "gateway"],
  ["finish", "shop"],
] as const;

/** Draws a scene in which a case happens to the step "call"; the newest failure is to be diagnosed. */
export function drawScene(of: Case, seed: number): DiagnosisInput {
  const draw = mulberry32(seed);
  const tasks = 120 + Math.floor(draw() * 120);
  const beganAt = 0.5 + draw() * 0.3;
  const facts: AttemptFact[] = [];
  for (let number = 0; number < tasks; number++) {
    facts.push(...taskFacts(of, { number, tasks, beganAt, draw }));
  }
  const failure = facts.findLast((fact) =>
    fact.step === "call" && fact.outcome === of.class && fact.error?.message !== BLIP.error.message
  );
  if (failure === undefined) throw new Error(`nothing failed: ${of.message} (seed ${seed})`);
  return {
    failure,
    facts,
    stepOf: (_workflow, step) => ({
      kind: systemOf(step) === "shop" ? "local" : "remote",
      system: systemOf(step),
      capability: step,
      atMostOnce: of.hits === "once" && step === "call",
      timeoutMs: TIMEOUT_MS,
    }),
    ancestors: ["prepare"],
    offers: [],
    resolutions: [],
    isAllDecided: true,
    isSample: false,
    sinceMs: NOW_MS - 2 * 60 * MINUTE_MS,
    nowMs: NOW_MS,
  };
}

function systemOf(step: string): string {
  return STEPS.find(([name]) => name === step)?.[1] ?? "";
}

interface TaskOf {
  readonly number: number;
  readonly tasks: number;
  readonly beganAt: number;
  readonly draw: () => number;
}

function taskFacts(of: Case, { number, tasks, beganAt, draw }: TaskOf): AttemptFact[] {
  const place = number / tasks;
  const startMs = NOW_MS - (1 - place) * 110 * MINUTE_MS;
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
  const taskId = mintTaskId(startMs, number % 4096, id);
  const isSince = place >= beganAt;
  const isNew = isSince && of.hits === "version" && draw() < 0.7;
  const base = {
    taskId,
    workflow: WORKFLOW,
    version: isNew ? "1.1.0" : "1.0.0",
    tags: [`tenant-${"abcdef"[number % 6]}`, draw() < 0.5 ? "web" : "app"],
  };
  const facts: AttemptFact[] = [];
  let atMs = startMs;
  for (const [step, system] of STEPS) {
    for (let attempt = 1; attempt <= 3; attempt++) {
      const instance = `${system}-${Math.floor(draw() * 4)}`;
      const isHit = isSince && hits(of, { step, system, instance, number, tasks, draw, isNew });
      const slow = of.hits === "slow" && isSince && step === "call" ? 6 : 1;
      const wide = of.hits === "narrow" && step === "call" ? 5_500 + draw() * 4_400 : 0;
      const ranMs = wide || slow * 80 * Math.exp(1.2 * draw());
      const isTimeOut = of.class === "timed_out";
      const ran = isHit && isTimeOut ? TIMEOUT_MS : ranMs;
      const policyVersion = of.hits === "policy" && isSince ? 3 : 2;
      const blip = !isHit && draw() < 0.01;
      facts.push({
        ...base,
        step,
        attempt,
        startedAtMs: atMs,
        endedAtMs: atMs + ran,
        waitedMs: draw() * 20,
        ranMs: ran,
        policyVersion,
        ...(system === "gateway" && { instance }),
        ...(isHit ? failed(of, attempt, draw) : blip ? BLIP : COMPLETED),
      });
      atMs += ran + 500 * attempt;
      if (!isHit && !blip) break;
      if (attempt === 3 || of.class === "failed") return facts;
    }
  }
  return facts;
}

const COMPLETED = { outcome: "completed", isRetried: false } as const;
const BLIP = {
  outcome: "thrown",
  isRetried: true,
  error: { class: "thrown", code: "thrown", message: "read ECONNRESET" },
} as const;

function failed(of: Case, attempt: number, draw: () => number) {
  const number = String(Math.floor(draw() * 90_000) + 10_000);
  return {
    outcome: of.class,
    isRetried: attempt < 3,
    error: {
      class: of.class,
      ...(of.code !== undefined && { code: of.code }),
      // Ids differ from one failure to the next.
      message: of.message.replace(/\b\d{4,}\b/, number),
    },
  } as const;
}

interface Place extends Omit<TaskOf, "beganAt"> {
  readonly step: string;
  readonly system: string;
  readonly instance: string;
  readonly isNew: boolean;
}

function hits(of: Case, { step, system, instance, number, tasks, draw, isNew }: Place): boolean {
  if (of.hits === "system") return system === "gateway";
  if (step !== "call") return false;
  switch (of.hits) {
    case "all":
    case "policy":
      return true;
    case "some":
      return draw() < 0.5;
    case "slow":
    case "narrow":
      return draw() < 0.3;
    case "instance":
      return instance === "gateway-2";
    case "tag":
      return number % 6 === 4;
    case "version":
      return isNew;
    case "task":
      return number === Math.floor(tasks * 0.85);
    case "once":
      return number === tasks - 3;
    case "flap":
      return Math.floor(number / 7) % 2 === 0;
    default:
      return of.hits satisfies never;
  }
}
