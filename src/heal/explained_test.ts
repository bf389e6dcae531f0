import { deepEqual, equal } from "node:assert/strict";
import type { Diagnosis } from "../core/diagnosis.ts";
import type { TaskId } from "../core/ids.ts";
import type { DiagnosisQuestion } from "../core/ports.ts";
import { json, OBEYING, WITHOUT } from "./_scripted_answers.ts";
import { openScene } from "./_advice_scene.ts";
import { openExplained } from "./adviser.ts";

const DIAGNOSIS: Diagnosis = {
  failure_type: "timeout",
  confidence: 0.62,
  suggested_workarounds: [],
  historical_context: "3 alike since Monday",
  means: "attempts that take longer than they may",
  advice: "Look at the gateway",
  step: "charge",
  class: "timed_out",
  cluster: "timed_out/charge",
  began: { task: "t", step: "charge", at: "2026-11-29T10:02:00.000Z", because: "it is the first" },
  evidence: [{ id: "latency", text: "p95 rose from 0.4 s to 9 s" }, { id: "share", text: "21 %" }],
  alternatives: [],
  calibration: { count: 0 },
  looked_at: { attempts: 9, tasks: 3, since: "2026-11-22T10:00:00.000Z", is_sample: false },
};

const QUESTION: DiagnosisQuestion = {
  taskId: "t" as TaskId,
  definitionHash: "h",
  namespace: "shop",
  namespaces: undefined,
  isExplained: true,
};

const diagnoser = { diagnose: () => Promise.resolve(DIAGNOSIS) };

Deno.test("whatever a model answers, a diagnosis is the same but for its explanation", async (test) => {
  const scripts = [
    ...Object.entries(OBEYING),
    ...Object.entries(WITHOUT).map(([name, [script]]) => [name, script] as const),
  ];
  for (const [name, script] of scripts.filter(([name]) => !/silence|drip/.test(name))) {
    await test.step(name, async () => {
      await using scene = await openScene(script);

      const { explanation: _, ...rest } = await openExplained(diagnoser, scene.adviser)
        .diagnose(QUESTION);

      deepEqual(rest, DIAGNOSIS);
    });
  }
});

Deno.test("an explanation cites evidence of the diagnosis, and what is not asked for is not given", async () => {
  await using scene = await openScene(() => json({ ranking: [] }));
  const explained = openExplained(diagnoser, scene.adviser);

  const { explanation } = await explained.diagnose(QUESTION);
  const without = await explained.diagnose({ ...QUESTION, isExplained: false });

  deepEqual(explanation, {
    name: "Slow gateway",
    statements: [{ text: "The gateway became slow at 10:02.", evidence: ["latency", "share"] }],
  });
  equal(without, DIAGNOSIS);
  equal(await openExplained(diagnoser, undefined).diagnose(QUESTION), DIAGNOSIS);
});
