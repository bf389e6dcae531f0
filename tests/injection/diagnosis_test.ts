/** Injected texts in errors and histories: nothing that is decided or asked changes by them. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { failureOf } from "../../src/core/attempt.ts";
import { visible } from "../../src/core/redaction.ts";
import type { TaskId } from "../../src/core/ids.ts";
import { fillPolicy } from "../../src/core/policy.ts";
import type { WholeTask } from "../../src/core/ports.ts";
import { promptOf, readAnswer } from "../../src/heal/advice.ts";
import { openDiagnoser } from "../../src/heal/diagnoser.ts";
import { TaskDriver } from "../support/task_driver.ts";
import { INJECTIONS } from "./texts.ts";

/** A task whose step fails with a text, after `others` that failed with it and were retried by a person. */
async function diagnosed(text: string) {
  const fail = () =>
    new TaskDriver([{ name: "pay", policy: { retry: { attemptsMax: 1 } } }]).start()
      .result("pay", { kind: "failed", failure: failureOf("thrown", text), retryable: true });
  const choice = { kind: "ChooseStep", step: "pay", choice: "retry" } as const;
  const retried = () => fail().send({ ...choice, by: text, reason: text }).complete("pay");
  const subject = fail();
  const drivers = [retried(), retried(), retried(), subject];
  const { plan } = subject.actor;
  const turnsOf = ({ turns }: TaskDriver) =>
    turns.map(({ turn, commandIds, events }) => ({ turn, commandIds, events }));
  const diagnoser = openDiagnoser({
    runtime: { now: () => subject.nowMs },
    history: { turns: () => Promise.resolve({ turns: turnsOf(subject), isLast: true }) },
    tasks: {
      async *tasks() {
        await Promise.resolve();
        for (const driver of drivers) {
          const taskId: TaskId = driver.state.taskId;
          const summary = { taskId, definitionHash: plan.hash, tags: [text] };
          yield { summary, turns: turnsOf(driver) } as unknown as WholeTask;
        }
      },
    },
    statistics: { read: () => Promise.resolve([]) },
    plans: { byHash: () => Promise.resolve(plan) },
    policyOf: () => fillPolicy(false),
    workflowsOf: () => [],
  });
  const of = { taskId: subject.state.taskId, namespace: "test", definitionHash: plan.hash };
  return await diagnoser.diagnose({ ...of, namespaces: undefined });
}

/**
 * What a person is offered. Which type a failure looks like, and so the order of what nobody has tried,
 * depends on words such as "timeout": they are evidence.
 */
async function offered(text: string) {
  const found = await diagnosed(text);
  const shown = JSON.stringify(found);
  equal(visible(shown), shown, text);
  ok(shown.length < 20_000, text);
  return {
    ...{ step: found.step, begins: found.began.step, looked: found.looked_at.attempts },
    workarounds: found.suggested_workarounds
      .map(({ type, tried, resolved, confidence }) => [type, tried, resolved, confidence].join())
      .toSorted(),
  };
}

Deno.test("a diagnosis offers the same whatever an error says, and shows nothing that is not seen", async () => {
  const before = await offered("boom");

  for (const text of INJECTIONS) {
    const now = await offered(text);
    deepEqual(now, before, `${text}: ${JSON.stringify([now, before])}`);
  }
});

Deno.test("the prompt of a model is the same whatever an error says; the text is one of its data", () => {
  const questionOf = (text: string) => ({
    ...{ namespace: "shop", failureType: "application", confidence: 0.5, cluster: text },
    evidence: [{ id: "evidence-1", text }],
    actions: [{ id: "retry", text }],
  });
  const { system, schema } = promptOf(questionOf("boom"));

  for (const text of INJECTIONS) {
    const question = questionOf(text);
    const prompt = promptOf(question);
    deepEqual([prompt.system, prompt.schema], [system, schema], text);
    const { evidence, actions, ...rest } = JSON.parse(prompt.user);
    deepEqual(Object.keys(rest), ["failure_type", "confidence", "cluster"], text);
    deepEqual([evidence.length, actions.length], [1, 1], text);
    equal(visible(prompt.user), prompt.user, text);
    equal(readAnswer(text, question).kind, "broken", text);
  }
});
