/**
 * The planner: from a description in plain language, and the systems that there are, to the edits of a
 * document. Without a model, a clock or chance: the same words always give the same plan.
 */

import type { Directory, Edit } from "../../core/authoring.ts";
import type { Fields } from "../document.ts";
import { isRecord } from "../yaml_text.ts";
import { isDoubtful } from "./asks.ts";
import { CapabilityIndex } from "./capability_index.ts";
import { Flow } from "./flow.ts";
import { fieldsOf } from "./contracts.ts";
import { knownSteps } from "./known_steps.ts";
import {
  changeQuestion,
  cutQuestion,
  nobodyQuestion,
  type Question,
  sizeQuestion,
  stepsQuestion,
} from "./questions.ts";
import { nameSteps, workflowNameOf } from "./names.ts";
import { type Piece, piecesOf } from "./pieces.ts";
import type { PlannedClause, PlannedStep } from "./planned_step.ts";
import { Revision } from "./revision.ts";
import { sentencesOf } from "./sentences.ts";
import { mappingsOf } from "./sources.ts";
import { DESCRIPTION_LENGTH_MAX } from "./words.ts";
import { applyTemplates } from "./templates.ts";
import { writeChanges } from "./write_changes.ts";
import { writeEdits } from "./write_edits.ts";

/** What a description comes to. */
export interface Plan {
  /** Absent from it: nothing, where a question has to be answered first. */
  readonly edits: readonly PlannedEdit[];
  /** What would help, as questions to the person. */
  readonly questions: readonly string[];
  /** Nothing is proposed before the questions are answered. */
  readonly isAbstention: boolean;
  /** The parts of the description, in order, with the steps that come of each. */
  readonly clauses: readonly {
    readonly n: number;
    readonly text: string;
    readonly steps: readonly string[];
    /** It asks for what is done after a failure. */
    readonly isFailurePath?: boolean;
    /** It writes a name that is only like that of this capability (W52). */
    readonly near?: string;
  }[];
  /** Numbers of the clauses that no step does, and that ask for something (W51). */
  readonly unmatched: readonly number[];
}

/** One edit, the clause that it comes from, and why it is there. */
export interface PlannedEdit {
  readonly edit: Edit;
  readonly clause?: number;
  readonly why: string;
}

/** What a plan is made for. */
export interface PlanOptions {
  readonly name?: string;
  readonly namespace?: string;
  /** The document that is to be changed; absent: a new one. Its name and namespace stay. */
  readonly base?: Fields;
  /** Changes are made for these clauses alone; absent: for all. */
  readonly parts?: readonly number[];
}

/** Steps of a plan; a longer description is to be divided. */
const STEPS_MAX = 200;
/** Less of what is asked can be done: then it is not proposed at all. */
const SHARE_MIN = 0.5;

/**
 * Plans a workflow.
 *
 * Shape: at most DESCRIPTION_LENGTH_MAX characters and PIECES_MAX clauses are read, the rest is named in
 * a question. Nothing of the description gets into the document but as text of literals, names made of
 * `a-z0-9_`, and `todo`.
 * Cost: O(words × capabilities that have them).
 */
export function plan(description: string, directory: Directory, options: PlanOptions = {}): Plan {
  const index = new CapabilityIndex(directory);
  const isChange = options.base !== undefined;
  const { title, sentences } = sentencesOf(description);
  // Whatever is said of a workflow that is there asks for a change, as an item of a list does.
  const said = isChange ? sentences.map((one) => ({ ...one, isItem: true })) : sentences;
  const { pieces, isCut } = piecesOf(said, otherBy(index));
  const systems = directory.systems.map(({ name }) => name);
  const question = isCut || description.length > DESCRIPTION_LENGTH_MAX
    ? [cutQuestion(pieces.length, pieces.at(-1)?.text ?? "")]
    : [];
  const read = { index, pieces, systems, question };
  if (options.base !== undefined) return revise(read, { ...options, base: options.base });
  const flow = new Flow(index, pieces, systems);
  for (const piece of pieces) flow.add(piece);
  flow.questions.push(...question);
  const abstention = whyNot(flow, index);
  if (abstention.length > 0) return abstained(flow, abstention);
  applyTemplates(flow, index.offers);
  nameSteps(flow.steps);
  const mappings = mappingsOf(flow);
  nameSteps(flow.steps);
  const name = options.name ?? workflowNameOf(title, flow.steps);
  const edits = writeEdits(flow, { mappings, name, description, ...options });
  return planned(flow, edits);
}

/** What a description says, read. */
interface Read {
  readonly index: CapabilityIndex;
  readonly pieces: readonly Piece[];
  readonly systems: readonly string[];
  readonly question: readonly Question[];
}

/** Plans the changes of a document. */
function revise(
  { index, pieces, systems, question }: Read,
  { base, parts }: PlanOptions & { readonly base: Fields },
): Plan {
  const known = knownSteps(base, index.offers);
  const isWanted = (clause: number) => parts === undefined || parts.includes(clause);
  const task = isRecord(base.input) ? base.input : {};
  const required = [task.required ?? []].flat();
  const given = Object.entries(fieldsOf(task)).filter(([name]) => required.includes(name));
  const inputs = Object.fromEntries(given);
  const revision = new Revision(index, { pieces, systems, known, inputs, isWanted });
  for (const piece of pieces) revision.add(piece);
  revision.finish();
  revision.questions.push(...question);
  const needed = revision.questions.filter(({ isNeeded }) => isNeeded);
  if (needed.length > 0) return abstained(revision, needed);
  applyTemplates(revision, index.offers);
  nameSteps(revision.steps);
  const mappings = mappingsOf(revision, task);
  nameSteps(revision.steps);
  const edits = writeChanges(revision, { value: base, mappings });
  if (edits.length > 0) return planned(revision, edits);
  const names = known.flatMap(({ name }) => name ?? []);
  return abstained(revision, [...revision.questions, changeQuestion(names)]);
}

function planned(flow: Flow, edits: readonly PlannedEdit[]): Plan {
  return {
    edits,
    questions: questionsOf(flow, false),
    isAbstention: false,
    clauses: clausesOf(flow.clauses),
    unmatched: unmatchedOf(flow),
  };
}

/** Whether `other` with the verb of `text` is another capability. */
function otherBy(index: CapabilityIndex): (text: string, other: string) => string | undefined {
  return (text, other) => {
    const [verb = ""] = text.trim().split(/\s+/);
    const [before] = index.match(text);
    const language = /^to\s+(\w+)$/i.exec(other);
    if (language !== null && /\bto\s+\w+$/i.test(text)) {
      return text.replace(/\bto\s+\w+$/i, other);
    }
    const candidate = `${verb} ${other}`;
    const [with_] = index.match(candidate);
    const [alone] = index.match(other);
    const isOther = before !== undefined && with_ !== undefined && alone !== undefined &&
      with_.offer !== before.offer && with_.score >= 0.6 && with_.offer === alone.offer &&
      (alone.hasNoun || alone.score >= 0.5);
    return isOther ? candidate : undefined;
  };
}

/** Why nothing can be proposed, as questions; none: something can. */
function whyNot(flow: Flow, index: CapabilityIndex): readonly Question[] {
  const needed = flow.questions.filter(({ isNeeded }) => isNeeded);
  if (needed.length > 0) return needed;
  const asked = flow.clauses.filter(({ why }) => why === undefined || why === "nobody");
  const nobody = flow.clauses.filter(({ why }) => why === "nobody");
  const done = flow.steps.filter(({ offer }) => offer !== undefined).length;
  if (flow.steps.length > STEPS_MAX) return [sizeQuestion(flow.steps.length, STEPS_MAX)];
  if (asked.length === 0 || done + nobody.length === 0) return [stepsQuestion(index.names)];
  const offered = flow.steps.flatMap(({ match }) => match ?? []);
  if (offered.length > 0 && offered.every(isDoubtful)) return flow.questions;
  if (done / (done + nobody.length) > SHARE_MIN) return [];
  return nobody.map(({ text }) => nobodyQuestion(text, true));
}

function abstained(flow: Flow, why: readonly Question[]): Plan {
  const questions = why.map(({ text }) => text);
  const others = questionsOf(flow, true).filter((text) => !questions.includes(text));
  return {
    edits: [],
    questions: [...questions, ...others].slice(0, QUESTIONS_MAX),
    isAbstention: true,
    clauses: clausesOf(flow.clauses).map((clause) => ({ ...clause, steps: [] })),
    unmatched: unmatchedOf(flow),
  };
}

/** Questions that are asked at once. */
const QUESTIONS_MAX = 20;
/** Characters of a clause that are shown. */
const CLAUSE_LENGTH_MAX = 300;

function shown(text: string): string {
  return text.length <= CLAUSE_LENGTH_MAX ? text : `${text.slice(0, CLAUSE_LENGTH_MAX - 1)}…`;
}

function clausesOf(clauses: readonly PlannedClause[]): Plan["clauses"] {
  return clauses.map(({ text, steps, isFailurePath, near }, index) => ({
    n: index + 1,
    text: shown(text),
    steps: [...new Set(steps)].flatMap(({ name }: PlannedStep) => name ?? []),
    ...(isFailurePath && { isFailurePath }),
    ...(near !== undefined && { near }),
  }));
}

/** Clauses of these kinds are heeded without a step. */
const HEEDED = new Set(["policy", "fact", "negated", "change", "left"]);

/** Clauses that are only placeholders so far, or nothing at all. */
function unmatchedOf(flow: Flow): readonly number[] {
  return flow.clauses.flatMap(({ steps, why }, index) =>
    why === "nobody" || (steps.length === 0 && !HEEDED.has(why ?? "")) ? [index + 1] : []
  );
}

function questionsOf(flow: Flow, isNeeded: boolean): readonly string[] {
  const nobody = flow.clauses.filter(({ why }) => why === "nobody")
    .map(({ text }) => nobodyQuestion(text, isNeeded));
  const texts = [...flow.questions, ...nobody].map(({ text }) => text);
  return [...new Set(texts)].slice(0, QUESTIONS_MAX);
}
