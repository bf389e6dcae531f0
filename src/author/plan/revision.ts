/**
 * Revision: a flow that begins with the steps of a document. Parts of the description change those steps,
 * or add others where their words say; what nobody can place is asked, and nothing is done for it.
 */

import { type Fields, type Path, valueAt } from "../document.ts";
import { isRecord } from "../yaml_text.ts";
import type { CapabilityIndex } from "./capability_index.ts";
import { StepChanges } from "./change_steps.ts";
import { additionIn, withoutPrelude } from "./changes.ts";
import type { fieldsOf } from "./contracts.ts";
import { Flow } from "./flow.ts";
import { knownBranches } from "./known_steps.ts";
import type { Piece } from "./pieces.ts";
import { guardedBy, type PlannedClause, type PlannedStep, reaches } from "./planned_step.ts";
import {
  cannotQuestion,
  decisionQuestion,
  endQuestion,
  placeQuestion,
  type Question,
  thereQuestion,
  valueQuestion,
  whichStepQuestion,
} from "./questions.ts";
import { childrenOf, isMain, reduce } from "./rewire.ts";
import { isNothingNamed, StepNames } from "./step_names.ts";

/** A field that is put into a known step; without a step, into the workflow. */
export interface Setting {
  readonly step?: PlannedStep;
  readonly field: Path;
  readonly value: unknown;
  readonly clause: number;
}

/** A capability that says something to somebody: nothing waits for that. */
const MESSAGE =
  /\b(?:notif\w+|alerts?|informs?|e-?mails?|messages?|sms|pages?|announces?|warns?|slack|chat|texts?)\b/i;
/** Words that name several steps. */
const SEVERAL = /\b(?:both|all|two|three|four|five|\w{2,}[^s\W]s)\b/i;
const SPACED = /[._-]/g;

/** Collects the changes of one document. */
export class Revision extends Flow {
  readonly removed = new Map<PlannedStep, number>();
  readonly renamed = new Map<PlannedStep, { readonly to: string; readonly clause: number }>();
  readonly settings: Setting[] = [];
  /** The clause that changed a step last. */
  readonly touched = new Map<PlannedStep, number>();
  /** What takes the place of a removed step. */
  readonly instead = new Map<PlannedStep, PlannedStep>();
  readonly names: StepNames;
  /** Steps whose failure starts another step in the document as it is. */
  readonly guardedBefore: ReadonlySet<PlannedStep>;
  /** Steps between which new ones are put, one after the other. */
  #gap:
    | { readonly children: readonly PlannedStep[]; readonly behind: Set<PlannedStep> }
    | undefined;
  readonly #changes = new StepChanges(this);
  #beside: readonly PlannedStep[] | undefined;

  constructor(
    index: CapabilityIndex,
    { pieces, systems, known, inputs, isWanted }: {
      readonly pieces: readonly Piece[];
      readonly systems: readonly string[];
      readonly known: readonly PlannedStep[];
      /** What tasks are given. */
      readonly inputs: ReturnType<typeof fieldsOf>;
      /** Whether a clause is taken, by its number. */
      readonly isWanted: (clause: number) => boolean;
    },
  ) {
    super(index, pieces, systems);
    this.#isWanted = isWanted;
    this.#inputs = inputs;
    this.steps.push(...known);
    this.branches.push(...knownBranches(known));
    this.placement.frontier = this.leaves();
    this.names = new StepNames(known);
    this.guardedBefore = guardedBy(known);
  }

  readonly #inputs: ReturnType<typeof fieldsOf>;
  readonly #isWanted: (clause: number) => boolean;

  get clause(): number {
    return this.clauses.length;
  }

  override add(piece: Piece): void {
    const text = withoutPrelude(piece.text).trim();
    if (!this.#isWanted(this.clause + 1)) {
      this.clauses.push({ text: piece.text, steps: [], why: "left" });
      return;
    }
    if (this.#isUnclear(piece)) return;
    const clause: PlannedClause = { text: piece.text, steps: [], why: "change" };
    this.clauses.push(clause);
    const changed = piece.conditions.length > 0 || piece.isQuestion
      ? undefined
      : this.#changes.make({ text, piece, clause });
    if (changed !== undefined) {
      clause.steps.push(...changed);
      for (const step of changed) this.touched.set(step, this.clause);
      return;
    }
    this.clauses.pop();
    super.add({ ...piece, text: additionIn(text) ?? text, isItem: true });
    const added = this.clauses.at(-1);
    if (added?.why === "policy") {
      for (const step of added.steps) this.touched.set(step, this.clause);
    }
  }

  /** Ends the revision, once all parts were added. */
  finish(): void {
    this.#changes.finish();
    for (const signal of this.steps) {
      if (signal.known !== undefined && signal.mayBeRefused) this.#refuse(signal, signal.known);
    }
  }

  /** Lets a known signal be answered with no: by the gate that is there, or by a new one. */
  #refuse(signal: PlannedStep, known: Fields): void {
    const gate = this.steps.find((one) => one.parents.has(signal) && isGate(one));
    if (gate !== undefined) {
      signal.mayBeRefused = false;
      for (const { guards, steps } of this.branches) {
        if (guards === "any" || !guards.includes(signal)) continue;
        for (const step of steps) if (step.parents.delete(signal)) step.parents.add(gate);
      }
      return;
    }
    const field = approvalFieldOf(known) ?? "approved";
    signal.approves = field;
    const path = ["signal", "form", "properties", field];
    if (valueAt(known, [...path, "const"]) === undefined) return;
    const clause = this.clauses.findIndex(({ steps }) => steps.length > 0) + 1;
    this.settings.push({ step: signal, field: path, value: { type: "boolean" }, clause });
  }

  /** Adds a step that runs beside others. */
  addBeside(piece: Piece, beside: readonly PlannedStep[], clause: PlannedClause) {
    this.#beside = beside;
    this.clauses.pop();
    super.add({ ...withoutAnchors(piece), isItem: true });
    this.#beside = undefined;
    const added = this.clauses.pop();
    this.clauses.push(clause);
    if (added?.why === undefined) delete clause.why;
    else clause.why = added.why;
    return added?.steps ?? [];
  }

  /** Asks about a clause, and does nothing for it. */
  unclear(clause: PlannedClause, question: Question): readonly [] {
    clause.why = "unclear";
    this.ask(question);
    return [];
  }

  whichOf(words: string, candidates: readonly PlannedStep[]) {
    const names = (steps: readonly PlannedStep[]) => steps.flatMap(({ name }) => name ?? []);
    return whichStepQuestion(words, names(candidates), names(this.#known));
  }

  get #known(): readonly PlannedStep[] {
    return this.steps.filter(({ known }) => known !== undefined);
  }

  /** The known steps that words name, without those that were removed. */
  find(text: string): readonly PlannedStep[] {
    return this.names.find(text).filter((step) => !this.removed.has(step));
  }

  /** The one step that words name; undefined: the clause is unclear, and was asked about. */
  one(text: string, clause: PlannedClause): PlannedStep | undefined {
    const { previous } = this.placement;
    if (/^(?:it|this|that|this step|that step)$/i.test(text.trim()) && previous !== undefined) {
      return previous;
    }
    const found = this.find(text);
    const [only] = found;
    if (only !== undefined && found.length === 1) return only;
    const added = found.length > 0 ? undefined : super.stepNamed(text);
    if (added !== undefined && added.known === undefined) return added;
    this.unclear(clause, this.whichOf(text, found));
    return undefined;
  }

  /** Whether a text has the whole name of a step, in any order. */
  isName(text: string): boolean {
    return this.find(text).some((step) => this.names.isNamed(step, text));
  }

  placeOf(words: string): Question {
    return placeQuestion(words, this.#known.flatMap(({ name }) => name ?? []));
  }

  /** `after billing`, where nothing is called so: then nothing of the piece is done. */
  #isUnclear(piece: Piece): boolean {
    const question = this.#questionOf(piece);
    if (question === undefined) return false;
    const clause: PlannedClause = { text: piece.text, steps: [] };
    this.clauses.push(clause);
    this.unclear(clause, question);
    return true;
  }

  #questionOf({ conditions, after, before }: Piece): Question | undefined {
    const [condition] = conditions;
    if (condition?.kind === "value") {
      const isDropped = this.decisions.isMade(conditions) && this.decisions.step === undefined;
      if (isDropped) return valueQuestion(condition.of);
      if (!this.decisions.endsBy(conditions)) return decisionQuestion(condition.of);
    }
    if (condition?.kind === "refused") {
      const signal = this.steps.findLast(({ kind }) => kind === "signal");
      if (signal === undefined) return this.placeOf("approval");
      const why = `the form of ${signal.name} has no yes or no: which answer is a refusal?`;
      const isOpen = signal.known !== undefined && approvalFieldOf(signal.known) === undefined;
      if (isOpen && condition.within === undefined) return cannotQuestion(signal.name ?? "", why);
    }
    const isNamed = condition?.kind === "failed" && !["any", "last"].includes(condition.of);
    for (const words of [after, before, isNamed ? condition.of : undefined]) {
      if (words === undefined || isNothingNamed(words)) continue;
      const found = this.find(words);
      const added = found.length === 0 ? super.stepNamed(words) : undefined;
      const isNew = added !== undefined && added.known === undefined;
      if (isNew || found.length === 1 || (found.length > 1 && SEVERAL.test(words))) continue;
      return this.whichOf(words, found);
    }
    return undefined;
  }

  override stepNamed(text: string): PlannedStep | undefined {
    const found = this.find(text);
    return found.length === 1 ? found[0] : super.stepNamed(text);
  }

  override named(text: string): readonly PlannedStep[] | undefined {
    if (isNothingNamed(text)) return super.named(text);
    const found = this.find(text);
    if (found.length > 0) return found;
    const added = super.stepNamed(text);
    return added === undefined ? undefined : [added];
  }

  /** A known step is meant again only where its whole name is said: `send the receipt before …`. */
  override restated(piece: Piece, ask: Parameters<Flow["restated"]>[1]) {
    const step = super.restated(piece, ask);
    if (step?.known === undefined) return step;
    const isMeant = isMain(step) && this.find(piece.text).length === 1 &&
      this.find(piece.text)[0] === step && this.isName(piece.text);
    return isMeant ? step : undefined;
  }

  protected override inputs() {
    return this.#inputs;
  }

  override put(asked: Piece, step: PlannedStep): PlannedStep | undefined {
    const clause = this.clauses.at(-1) as PlannedClause;
    const isThere = this.steps.includes(step);
    // What decides by a value stands behind the step that gives it, unless something else is said.
    const isSaid = asked.after !== undefined || asked.before !== undefined;
    const of = step.gate?.of?.name;
    const piece: Piece = isSaid || step.gate === undefined
      ? asked
      : of === undefined
      ? { ...asked, join: "first" }
      : { ...asked, after: of };
    const hasPlace = piece.after !== undefined || piece.before !== undefined ||
      piece.join === "first" || piece.join === "last";
    if (isThere && step.known !== undefined) {
      if (hasPlace) this.#changes.move(piece, step, clause);
      else this.unclear(clause, thereQuestion(piece.text, step.name ?? ""));
      return hasPlace ? step : undefined;
    }
    if (this.#beside !== undefined) return this.#putBeside(step, this.#beside);
    if (piece.conditions.length > 0) return super.put(piece, step);
    const isFirst = !hasPlace && this.placement.frontier.every(({ known }) => known !== undefined);
    if (isFirst) {
      const same = this.steps.find((one) => isMain(one) && one.offer === step.offer);
      const isSame = step.offer !== undefined && same?.known !== undefined;
      if (isSame) return void this.unclear(clause, thereQuestion(piece.text, same.name ?? ""));
      // What nothing does is asked in any case.
      if (step.kind === "todo") return undefined;
      if (step.kind !== "remote") return void this.unclear(clause, this.placeOf(piece.text));
      const ends = this.placement.frontier.flatMap(({ name }) => name ?? []);
      this.ask(endQuestion(piece.text, ends));
    }
    super.put(piece, step);
    reduce(step);
    if (piece.join === "last") this.#gap = undefined;
    else this.#fill(piece, step);
    return step;
  }

  #putBeside(step: PlannedStep, beside: readonly PlannedStep[]): PlannedStep {
    for (const one of beside) {
      for (const parent of one.parents) if (!beside.includes(parent)) step.parents.add(parent);
      for (const child of childrenOf(this.steps, one)) {
        if (!beside.includes(child)) child.parents.add(step);
      }
    }
    reduce(step);
    this.placement.register(step);
    return step;
  }

  /** What came after the steps that a new one waits for comes after the new one, except after a message. */
  #fill(piece: Piece, step: PlannedStep): void {
    if (!isMain(step)) return;
    const isNext = [...step.parents].some((parent) => this.#gap?.behind.has(parent) === true) &&
      piece.after === undefined && piece.before === undefined;
    if (!isNext || this.#gap === undefined) {
      const [next] = piece.before === undefined ? [] : this.named(piece.before) ?? [];
      const children = [...step.parents].flatMap((one) => childrenOf(this.steps, one))
        .filter((child) => isMain(child) && child.known !== undefined && child !== step);
      this.#gap = { children: next === undefined ? children : [next], behind: new Set() };
      if (next !== undefined && piece.after !== undefined) this.#between(piece, step, next);
      this.placement.frontier = [step];
    }
    for (const parent of step.parents) this.#gap.behind.add(parent);
    this.#gap.behind.add(step);
    if (piece.before === undefined && isMessage(step)) return;
    const later = this.#gap.children.filter((one) => one !== step && !reaches(one, step));
    for (const child of later) {
      if (later.some((one) => one !== child && reaches(one, child))) continue;
      for (const one of this.#gap.behind) {
        if (one !== step && reaches(one, step)) child.parents.delete(one);
      }
      child.parents.add(step);
    }
  }

  /** `between a and b`: only what leads from one to the other is divided. */
  #between({ after = "" }: Piece, step: PlannedStep, next: PlannedStep): void {
    const from = this.named(after) ?? [];
    for (const parent of step.parents) {
      if (from.includes(parent)) continue;
      step.parents.delete(parent);
      next.parents.add(parent);
    }
    for (const one of from) step.parents.add(one);
  }
}

/** The field of a form that says yes or no. */
function approvalFieldOf(known: Fields): string | undefined {
  const properties = valueAt(known, ["signal", "form", "properties"]);
  return Object.entries(isRecord(properties) ? properties : {}).find(([, field]) =>
    isRecord(field) && (field.const === true || field.type === "boolean")
  )?.[0];
}

/** A transform that fails unless an answer is a yes. */
function isGate({ kind, known }: PlannedStep): boolean {
  const properties = valueAt(known, ["result", "properties"]);
  return kind === "transform" && isRecord(properties) &&
    Object.values(properties).some((field) => isRecord(field) && field.const === true);
}

function withoutAnchors({ after: _after, before: _before, group: _group, ...rest }: Piece): Piece {
  return { ...rest, join: "then" };
}

function isMessage({ kind, offer, text }: PlannedStep): boolean {
  const { name = "", description = "" } = offer?.capability ?? {};
  return kind === "remote" &&
    MESSAGE.test(`${name.replaceAll(SPACED, " ")} ${description} ${text}`);
}
