/** Asks a model to complete a draft, and decides which of the two drafts is kept. */

import { stepsOf } from "../author/document.ts";
import { YAML } from "../author/yaml_language.ts";
import type { Directory } from "../core/authoring.ts";
import type { Draft } from "../core/draft.ts";
import { TaskerError } from "../core/errors.ts";
import type { Model } from "../model/model.ts";
import {
  DRAFT_PROMPT_VERSION,
  draftPromptOf,
  type ModelEdits,
  nameableFor,
  readDraftAnswer,
} from "./model_draft.ts";

/** For a draft, with its repairs; rehearsals take their own time. */
const TIMEOUT_MS = 60_000;

/** Tokens of an answer, with what a model thinks before it. */
const ANSWER_TOKENS_MAX = 4_000;

/** How often an answer is sent back with what it breaks. */
const REPAIRS_MAX = 3;

/** What completing a draft needs. */
export interface ModelDrafting {
  readonly model: Pick<Model, "ask">;
  readonly description: string;
  readonly namespace: string;
  readonly directory: Directory;
  /** The draft of the planner. */
  readonly own: Draft;
  /**
   * Makes and checks the draft with what a model adds.
   *
   * @throws {TaskerError} document.edit_refused
   */
  readonly draftWith: (added: ModelEdits) => Promise<Draft>;
}

/**
 * Returns the draft that a model completed, if it passes every check and is better; else that of the
 * planner. Either says what came of asking.
 */
export async function completeByModel(of: ModelDrafting): Promise<Draft> {
  const { model, namespace, own, draftWith, ...question } = of;
  const asked = { ...question, own };
  const nameable = nameableFor(asked);
  const checked = new Map<ModelEdits, Draft>();
  const { value, verdict, calls, faults = [] } = await model.ask<ModelEdits>({
    purpose: "draft",
    namespace,
    prompt: draftPromptOf(asked, nameable),
    key: [DRAFT_PROMPT_VERSION, own.text, nameable.offers],
    answer: { name: "draft", tokensMax: ANSWER_TOKENS_MAX },
    timeoutMs: TIMEOUT_MS,
    repairsMax: REPAIRS_MAX,
    decision: { used: "read", otherwise: "draft of the planner" },
    async read(text) {
      const read = readDraftAnswer(text, asked, nameable);
      if (read.kind === "broken") return read;
      const draft = await drafted(read.value, draftWith);
      const broken = typeof draft === "string" ? [draft] : brokenBy(draft, own);
      if (typeof draft === "string" || broken.length > 0) return { kind: "broken", faults: broken };
      checked.set(read.value, draft);
      return read;
    },
  });
  const completed = value && (checked.get(value) ?? await draftWith(value));
  const isTaken = completed !== undefined && isBetter(completed, own);
  const report = {
    verdict: completed === undefined || isTaken ? verdict : "no_better",
    calls,
    faults: [...faults],
  };
  return { ...isTaken ? completed : own, model: report };
}

/** The draft, or why its edits cannot be made. */
async function drafted(
  added: ModelEdits,
  draftWith: ModelDrafting["draftWith"],
): Promise<Draft | string> {
  try {
    return await draftWith(added);
  } catch (error) {
    // Whoever reads an answer must not throw: the model's budget counts on it.
    return error instanceof TaskerError ? error.code : "the draft cannot be checked";
  }
}

/** What is wrong with a draft that was not wrong before: codes and places. */
function brokenBy(draft: Draft, own: Draft): readonly string[] {
  const known = new Set(own.problems.map(keyOf));
  const found = draft.problems
    .filter((one) => one.severity === "error" && !known.has(keyOf(one)))
    .map(({ code, name, path }) => `${code} ${name} at ${path.join(".") || "the whole"}`);
  const isWorse = own.rehearsal?.isOk === true && draft.rehearsal?.isOk !== true;
  return [...new Set([...found, ...(isWorse ? ["its rehearsal fails"] : [])])];
}

function keyOf({ code, text }: Draft["problems"][number]): string {
  return `${code} ${text}`;
}

/** Whether a draft leaves less open: errors, then parts without a step, placeholders and warnings. */
function isBetter(draft: Draft, own: Draft): boolean {
  const [one, other] = [draft, own].map(scoreOf);
  const at = one?.findIndex((count, index) => count !== other?.[index]) ?? -1;
  return at >= 0 && (one?.[at] ?? 0) < (other?.[at] ?? 0);
}

function scoreOf({ problems, unmatched, text }: Draft): readonly number[] {
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const read = YAML.read("workflow.yaml", text);
  const open = read.ok
    ? stepsOf(read.document.value).filter(({ fields }) => fields.todo !== undefined).length
    : 0;
  return [errors, unmatched.length, open, problems.length - errors];
}
