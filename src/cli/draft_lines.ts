/** Draws proposals: each part of a description with what does it, and what is missing. */

import { describeEdit } from "../author/edit.ts";
import type { OperationResult } from "../client.ts";
import { durationText, namesText, type Paint } from "./format.ts";

/** A proposal as the server gives it. */
export type Draft = OperationResult<"generateWorkflow">;

/** Lines of a diff that are shown. */
const DIFF_LINES_MAX = 200;

/** What of a proposal is drawn, and how. */
export interface DraftView {
  readonly paint: Paint;
  /** The parts that are taken; absent: all. */
  readonly parts?: readonly number[] | undefined;
  /** Whether its text is shown, or the lines that it changes. */
  readonly hasText: boolean;
}

/** Draws a proposal. */
export function draftLines(draft: Draft, view: DraftView): readonly string[] {
  const { paint, hasText } = view;
  const { clauses, questions, missing, isAbstention, rehearsal, text, diff } = draft;
  return [
    headLine(draft, paint),
    ...clauses.flatMap((clause) => clauseLines(clause, draft, view)),
    ...(questions.length === 0
      ? []
      : ["", ...questions.map((one) => `  ${paint("warn", "?")} ${one}`)]),
    ...(missing.length === 0 || isAbstention ? [] : [
      "",
      "What is missing before it can be deployed:",
      ...missing.map((one) => `  ${paint("bad", "✗")} ${one}`),
    ]),
    ...(rehearsal === undefined ? [] : ["", ...rehearsalLines(rehearsal, paint)]),
    ...(!hasText || text === "" ? [] : [
      "",
      ...(diff === undefined ? text.trimEnd().split("\n") : diffLines(diff, paint)),
    ]),
  ];
}

type Clause = Draft["clauses"][number];

function clauseLines(
  { n, text, steps }: Clause,
  draft: Draft,
  { paint, parts }: DraftView,
): readonly string[] {
  const head = `${paint("dim", String(n).padStart(3))}  ${text}`;
  const { unmatched, isAbstention, edits, diff, by } = draft;
  if (unmatched.includes(n)) return [head, paint("bad", "     ✗ no step does this")];
  const changes = diff === undefined ? [] : edits.filter(({ clause }) => clause === n);
  if (changes.length > 0) {
    return [head, ...changes.map((one) => paint("good", `     → ${editText(one)}`))];
  }
  if (steps.length > 0) {
    return [head, ...steps.map((step) => paint("good", `     → ${stepText(draft, step)}`))];
  }
  const isOpen = isAbstention || by === "model" || parts?.includes(n) === false;
  return isOpen ? [head] : [head, paint("dim", "     needs no step")];
}

function editText({ edit, why }: Draft["edits"][number]): string {
  const by = edit.kind === "add_step" ? `: ${why}` : "";
  return `${describeEdit(edit)}${by}`;
}

function diffLines(diff: readonly string[], paint: Paint): readonly string[] {
  const lines = diff.slice(0, DIFF_LINES_MAX).map((line) =>
    paint(line.startsWith("+") ? "good" : "bad", line)
  );
  const more = diff.length - lines.length;
  return more > 0 ? [...lines, paint("dim", `… ${more} more lines`)] : lines;
}

function headLine(
  { namespace, name, isAbstention, by, model, isReady }: Draft,
  paint: Paint,
): string {
  const asked = model === undefined ? "" : `; the model: ${model.verdict.replaceAll("_", " ")}`;
  if (isAbstention) {
    return `${
      paint("warn", "Nothing is proposed yet: answer the questions, and try again")
    }${asked}`;
  }
  const who = by === "planner" ? "made without a model" : "made with a model";
  const state = isReady ? paint("good", "ready") : paint("warn", "not ready");
  return `${paint("bold", `${namespace}/${name}`)} ${who}, ${state}${asked}`;
}

/** A step, and who does it. */
function stepText({ edits }: Draft, name: string): string {
  const found = edits.find(({ edit }) => edit.kind === "add_step" && edit.step.name === name);
  return found === undefined ? name : `${name}: ${found.why}`;
}

function rehearsalLines(
  { runs: [good, ...failed], problems }: NonNullable<Draft["rehearsal"]>,
  paint: Paint,
): readonly string[] {
  if (good === undefined) return [];
  const ends = (word: string, ms: number) =>
    `${word.replaceAll("_", " ")} after ${durationText(ms)}`;
  const handled = failed.filter(({ handledBy }) => handledBy.length > 0);
  return [
    paint(
      "dim",
      `rehearsed: if all goes well, ${
        ends(good.end, good.tookMs)
      }; a second is assumed for each step`,
    ),
    ...handled.slice(0, 5).map(({ fails, handledBy, end, tookMs }) =>
      paint(
        "dim",
        `rehearsed: if ${fails} fails, ${namesText(handledBy)} runs; ${ends(end, tookMs)}`,
      )
    ),
    ...problems.filter(({ severity }) => severity === "warning").map(({ text }) =>
      `  ${paint("warn", "!")} ${text}`
    ),
    ...(handled.length > 5 ? [paint("dim", `… and ${handled.length - 5} more failures`)] : []),
  ];
}
