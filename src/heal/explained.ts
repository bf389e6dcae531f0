/** Explained: a diagnosis with a model's words for it, where somebody asks for them. */

import type { Diagnosis } from "../core/diagnosis.ts";
import type { Diagnoser } from "../core/ports.ts";
import type { Adviser } from "./adviser.ts";

/**
 * Adds an explanation to diagnoses for which one is asked. Type, confidence, evidence and suggestions
 * stay what statistics say; without a model, or when it gives no advice, so does the whole diagnosis.
 */
export function openExplained(
  diagnoser: Diagnoser,
  adviser: Pick<Adviser, "advise"> | undefined,
): Diagnoser {
  return {
    async diagnose(question) {
      const diagnosis = await diagnoser.diagnose(question);
      if (!question.isExplained) return diagnosis;
      const advice = await adviser?.advise(questionOf(diagnosis, question.namespace));
      if (advice === undefined) return diagnosis;
      const { name, explanation: statements } = advice;
      return { ...diagnosis, explanation: { name, statements: statements.map(copied) } };
    },
  };
}

function questionOf(diagnosis: Diagnosis, namespace: string): Parameters<Adviser["advise"]>[0] {
  const { failure_type, confidence, means, step, message, evidence, historical_context } =
    diagnosis;
  const error = message === undefined ? diagnosis.class : `${diagnosis.class}: ${message}`;
  return {
    namespace,
    failureType: `${failure_type}: ${means}`,
    confidence,
    cluster: `step "${step}" failed: ${error}`,
    evidence: [...evidence, { id: "history", text: historical_context }],
    actions: [],
  };
}

function copied(
  { text, evidence }: { readonly text: string; readonly evidence: readonly string[] },
) {
  return { text, evidence: [...evidence] };
}
