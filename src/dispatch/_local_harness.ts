/** What the tests of the local runner share. */

import assert from "node:assert/strict";
import type { Command, Outcome } from "../core/command.ts";
import type { JsonText } from "../core/payload.ts";
import type { Attempt } from "../core/ports.ts";
import type { StepCode } from "../core/workflow.ts";
import { attemptFor, DispatchHarness, planFor } from "./_dispatch_harness.ts";
import { LocalRunner } from "./local.ts";

/** The step that local tests run. */
export const WORK = { name: "work", kind: "local", owner: "test" } as const;
/** The input of its task. */
export const INPUT = JSON.stringify({ id: 1 }) as JsonText;

/** A runner whose commands are kept. */
export function opened() {
  const stage = new DispatchHarness();
  const recorded: Command[] = [];
  const record = (command: Command) => void recorded.push(command);
  const runner = new LocalRunner({ runtime: stage.runtime, log: stage.log, record });
  const start = (code: StepCode, more: Partial<Attempt> = {}) =>
    runner.start(attemptFor(planFor(WORK, {}, code), { input: INPUT, ...more }), code);
  return { stage, runtime: stage.runtime, runner, recorded, start };
}

/** Runs code to its end; it must record one result and nothing else. */
export async function outcomeOf(code: StepCode, more: Partial<Attempt> = {}): Promise<Outcome> {
  const { runtime, recorded, start } = opened();
  start(code, more);
  await runtime.settle();
  const [command, ...others] = recorded;
  assert.deepEqual(others, []);
  assert.ok(command?.kind === "RecordStepResult");
  return command.outcome;
}

/** What a failed attempt says. */
export function failed(outcome: Outcome) {
  assert.ok(outcome.kind === "failed");
  const { kind: _, failure: { class: name, error }, ...how } = outcome;
  return { class: name, error: JSON.parse(error), ...how };
}

/** Code that throws. */
export function throwing(error: unknown): StepCode {
  return {
    run() {
      throw error;
    },
  };
}
