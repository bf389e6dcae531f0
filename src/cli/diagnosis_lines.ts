/** Diagnosis lines: what kind of failure it is, as a colleague would report it. */

import type { OperationResult } from "../client.ts";
import { asTyped } from "./verb.ts";
import { type Cell, dateText, type Paint, tableLines } from "./format.ts";

type Diagnosis = OperationResult<"diagnoseTask">;

/** Draws a diagnosis: what, how sure, since when, why, and what to do. */
export function diagnosisLines(diagnosis: Diagnosis, id: string, paint: Paint): string[] {
  const { failure_type, confidence, means, step, code, message, historical_context } = diagnosis;
  const error = [
    diagnosis.class,
    ...(code === undefined || code === diagnosis.class ? [] : [code]),
  ];
  return [
    `${paint("bold", `Step "${step}"`)} failed: ${paint("bad", failure_type)}, ${
      sureText(confidence)
    }`,
    `This looks like ${means}.`,
    ...alternativeLines(diagnosis, paint),
    "",
    paint("plain", `${error.join(" ")}${message === undefined ? "" : `: ${message}`}`),
    beganText(diagnosis, id, paint),
    "",
    paint("bold", "Why"),
    ...diagnosis.evidence.map(({ id, text }) => `  ${paint("plain", text)}  ${paint("dim", id)}`),
    "",
    ...explanationLines(diagnosis, paint),
    paint("bold", "Before"),
    `  ${paint("plain", historical_context)}`,
    `  ${paint("dim", lookedText(diagnosis))}`,
    "",
    paint("bold", "What you can do"),
    `  ${paint("plain", asTyped(diagnosis.advice))}`,
    ...workaroundLines(diagnosis, paint),
  ];
}

function sureText(confidence: number): string {
  return `${Math.round(100 * confidence)} % sure`;
}

function alternativeLines({ alternatives }: Diagnosis, paint: Paint): string[] {
  if (alternatives.length === 0) return [];
  const texts = alternatives.map((one) => `${one.failure_type} (${sureText(one.confidence)})`);
  return [paint("dim", `It may also be ${texts.join(", ")}.`)];
}

function beganText({ began, step }: Diagnosis, id: string, paint: Paint): string {
  const where = began.step === step ? "" : ` at step "${began.step}"`;
  const task = began.task === id ? "this task" : `task ${began.task}`;
  return paint(
    "plain",
    `It began at ${dateText(began.at)} UTC in ${task}${where}: ${began.because}`,
  );
}

function explanationLines({ explanation }: Diagnosis, paint: Paint): string[] {
  if (explanation === undefined) return [];
  const { name, statements } = explanation;
  return [
    `${paint("bold", "In a model's words")} ${paint("dim", "(it decides nothing)")}`,
    `  ${paint("plain", name)}`,
    ...statements.map(({ text, evidence }) =>
      `  ${paint("plain", text)}  ${paint("dim", evidence.join(", "))}`
    ),
    "",
  ];
}

function lookedText({ looked_at, calibration }: Diagnosis): string {
  const { attempts, tasks, since, is_sample } = looked_at;
  const sample = is_sample ? ", a sample" : "";
  const { count, ece } = calibration;
  const outcomes = count === 0 || ece === undefined
    ? "no one has said yet what such failures were: choose with --cause"
    : `of ${count} earlier diagnoses the confidence was ${Math.round(100 * ece)} % off`;
  return `looked at ${attempts} attempts of ${tasks} tasks since ${
    dateText(since)
  } UTC${sample}; ${outcomes}`;
}

function workaroundLines({ suggested_workarounds }: Diagnosis, paint: Paint): string[] {
  return suggested_workarounds.flatMap(({ type, implementation, history }): string[] => {
    const row: Cell[] = [`  ${type}`, history];
    return [...tableLines([row], paint), paint("dim", `    → ${implementation}`)];
  });
}
