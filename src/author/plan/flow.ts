/**
 * Flow: the steps that a description asks for, and what they wait for. Pieces are taken in their order:
 * each waits for what was said before it, unless its words say something else.
 */

import {
  type Ask,
  askOf,
  durationIn,
  IMPLIED_SCORE_MIN,
  impliedIn,
  isApproval,
  isDoubtful,
  policyIn,
  stepFor,
  withoutSchedule,
} from "./asks.ts";
import { fieldsOf, requiredOf, takenBy } from "./contracts.ts";
import { Decisions } from "./decisions.ts";
import {
  FailureBranch,
  guardOf,
  newStep,
  type PlannedClause,
  type PlannedStep,
  reaches,
} from "./planned_step.ts";
import { Placement } from "./placement.ts";
import {
  decisionQuestion,
  doubtQuestion,
  eachQuestion,
  nearQuestion,
  orderQuestion,
  type Question,
  rivalQuestion,
  scheduleQuestion,
  valueQuestion,
} from "./questions.ts";
import { type CapabilityIndex, favouredIn, type Offer } from "./capability_index.ts";
import type { Condition } from "./conditions.ts";
import type { Piece } from "./pieces.ts";
import { isAllNamed, isNothingNamed } from "./step_names.ts";
import { wordsOf } from "./words.ts";

const REFERENCE_SCORE_MIN = 0.3; // a worse match does not say which step is meant

/** Collects steps. */
export class Flow {
  readonly placement = new Placement((from, to) => this.ask(orderQuestion(from.text, to.text)));
  readonly branches: FailureBranch[] = [];
  readonly clauses: PlannedClause[] = [];
  readonly questions: Question[] = [];
  #branch: { readonly of: readonly Condition[]; readonly branch: FailureBranch } | undefined;
  #last: FailureBranch | undefined;
  protected readonly decisions: Decisions;
  readonly #favoured: readonly { readonly topic: ReadonlySet<string>; readonly system: string }[];

  constructor(
    readonly index: CapabilityIndex,
    pieces: readonly Piece[],
    systems: readonly string[],
  ) {
    this.decisions = new Decisions(pieces);
    this.#favoured = pieces.flatMap(({ text }) => favouredIn(text, systems));
  }

  /** All steps, in the order in which they were named. */
  get steps(): PlannedStep[] {
    return this.placement.steps;
  }

  /** What tasks are given, as far as that is known. */
  protected inputs(): ReturnType<typeof takenBy> {
    return takenBy(this.steps.flatMap(({ offer }) => offer ?? []));
  }

  /** Takes the next piece. */
  add(piece: Piece): void {
    if (this.decisions.isWayOut(piece)) return this.#addWayOut(piece);
    const { schedule, rest: withPolicy } = withoutSchedule(piece.text);
    const { policy, rest } = policyIn(withPolicy);
    const clause: PlannedClause = { text: piece.text, steps: [] };
    if (piece.conditions[0]?.kind === "failed") clause.isFailurePath = true;
    this.clauses.push(clause);
    if (schedule !== undefined) this.ask(scheduleQuestion(schedule));
    const hasPolicy = Object.keys(policy).length > 0;
    const text = rest === "" ? piece.text : rest;
    const ask: Ask = rest === "" && hasPolicy
      ? { kind: "policy" }
      : this.#read({ ...piece, text }, hasPolicy);
    if (hasPolicy && (ask.kind === "policy" || ask.kind === "nothing")) {
      const of = guardOf(piece, () => this.#branchOf(piece)) ?? this.stepNamed(text) ??
        this.placement.previous;
      if (of !== undefined) {
        Object.assign(of.policy, policy);
        clause.steps.push(of);
      }
      clause.why = "policy";
      return;
    }
    const step = this.#place({ ...piece, text }, ask, clause);
    if (step !== undefined && hasPolicy) Object.assign(step.policy, policy);
  }

  /** `stop if …`: the step that decides is all that it asks for. */
  #addWayOut(piece: Piece): void {
    const clause: PlannedClause = { text: piece.text, steps: [] };
    this.clauses.push(clause);
    this.#branchOf(piece);
    const { step } = this.decisions;
    if (step !== undefined && clause.steps.length === 0) clause.steps.push(step);
  }

  #read(piece: Piece, hasPolicy: boolean): Ask {
    const words = wordsOf(piece.text);
    const isBare = words.length <= 1 && hasPolicy && this.stepNamed(piece.text) !== undefined &&
      !/^\w+\s+(?:the|a|it)\b/i.test(piece.text) && /^(?:the|it|this|that)\b/i.test(piece.text);
    if (isBare || (hasPolicy && words.length === 0)) return { kind: "policy" };
    const stems = new Set(words.map(({ stem }) => stem));
    const favoured = this.#favoured.filter(({ topic }) => [...topic].some((one) => stems.has(one)))
      .map(({ system }) => system);
    return askOf(piece, this.index, {
      favoured: new Set(favoured),
      isFed: ({ offer }) => this.#isFed(offer),
    });
  }

  /** Whether an earlier step gives something that a capability has to be given. */
  #isFed(offer: Offer): boolean {
    const given = new Set(
      this.steps.flatMap((step) => Object.keys(fieldsOf(step.offer?.capability.output))),
    );
    return requiredOf(offer).some((name) => given.has(name));
  }

  #place(piece: Piece, ask: Ask, clause: PlannedClause): PlannedStep | undefined {
    if (piece.later !== undefined) {
      const ms = durationIn(piece.later);
      if (ms !== undefined) {
        const wait = this.put(
          { ...piece, join: "then" },
          stepFor({ kind: "wait", ms }, piece.later, this.clauses.length),
        );
        if (wait === undefined) return undefined;
        clause.steps.push(wait);
        const { after: _after, before: _before, later: _later, ...rest } = piece;
        return this.#place({ ...rest, join: "then" }, ask, clause);
      }
    }
    switch (ask.kind) {
      case "nothing":
      case "policy":
        clause.why = ask.kind === "policy" ? "policy" : ask.why;
        this.#readAnchors(piece);
        return undefined;
      case "undo":
        this.#branchOf(piece)?.undoes.push(clause);
        return undefined;
      case "capability":
        this.#question(piece, ask);
        this.#addImplied(piece, ask, clause);
        break;
      case "nobody":
        clause.why = "nobody";
        if (ask.near !== undefined) this.ask(nearQuestion(clause.near = ask.near));
        break;
    }
    const step = this.restated(piece, ask) ?? stepFor(ask, piece.text, this.clauses.length);
    if (ask.kind === "person" && this.#isSamePerson(piece)) {
      const [same] = this.placement.frontier;
      if (same !== undefined) clause.steps.push(same);
      return same;
    }
    const placed = this.put(piece, step);
    if (placed !== undefined) clause.steps.push(placed);
    return placed;
  }

  /** What names a step again where it says when the step comes. */
  protected restated(piece: Piece, ask: Ask): PlannedStep | undefined {
    if (ask.kind !== "capability") return undefined;
    const { system, capability } = ask.match.offer;
    const same = this.steps.find(({ offer }) =>
      offer?.system === system && offer.capability.name === capability.name
    );
    const stems = (text: string) => wordsOf(text).map(({ stem }) => stem).sort().join(" ");
    const isAnchored = piece.after !== undefined || piece.before !== undefined;
    const isSame = same !== undefined && (isAnchored || stems(same.text) === stems(piece.text));
    return isSame && piece.conditions.length === 0 ? same : undefined;
  }

  /** `has a look and approves` is one decision of one person. */
  #isSamePerson(piece: Piece): boolean {
    const [one, ...others] = this.placement.frontier;
    const isOne = one !== undefined && others.length === 0 && one.kind === "signal";
    return isOne && piece.join === "and" && piece.group === undefined &&
      !/\b(?:finance|legal|manager|director|cfo|ceo|head|also|second|other)\b/i.test(piece.text);
  }

  /** Puts a step where its words say; undefined: nothing says where. */
  protected put(piece: Piece, step: PlannedStep): PlannedStep | undefined {
    const placement = this.placement;
    if (piece.conditions[0]?.kind === "always") {
      placement.always(piece, step);
      return step;
    }
    const branch = this.#branchOf(piece);
    if (branch !== undefined) {
      branch.add(step, piece.join === "then");
      placement.register(step);
      return step;
    }
    const { after, before } = this.#readAnchors(piece);
    const isNew = !this.steps.includes(step);
    const next = before ??
      (piece.join === "and" && isNew ? placement.insertBefore : undefined);
    placement.insertBefore = undefined;
    if (next !== undefined) placement.before(next, step, piece);
    else if (isNew) placement.inOrder(piece, step, after);
    else for (const parent of after ?? []) placement.connect(parent, step);
    return step;
  }

  /** Steps of the main path that nothing of it waits for. */
  leaves(): readonly PlannedStep[] {
    return this.placement.leaves();
  }

  /** The failure branch that a piece belongs to; undefined: it is on the main path. */
  #branchOf(piece: Piece): FailureBranch | undefined {
    const [condition] = piece.conditions;
    if (condition === undefined) return undefined;
    if (this.#branch?.of === piece.conditions) return this.#branch.branch;
    const branch = this.#openBranch(condition, piece);
    if (branch === undefined) {
      if (condition.kind === "value") this.#branch = undefined;
      return undefined;
    }
    this.#branch = { of: piece.conditions, branch };
    this.#last = branch;
    if (!this.branches.includes(branch)) this.branches.push(branch);
    return branch;
  }

  #openBranch(condition: Condition, piece: Piece): FailureBranch | undefined {
    switch (condition.kind) {
      case "failed": {
        if (condition.of === "any") return new FailureBranch("any", condition);
        const of = condition.of === "last" ? undefined : this.named(condition.of)?.[0];
        const guards = of === undefined ? this.placement.frontier : [of];
        return new FailureBranch(guards.length === 0 ? "any" : guards, condition);
      }
      case "refused":
        return this.#openRefusal(condition, piece);
      case "else": {
        const opposite = this.#last;
        const { step: decision, isStop } = this.decisions;
        if (decision !== undefined && !isStop) return new FailureBranch([decision], condition);
        if (decision !== undefined) {
          this.placement.frontier = [decision];
          return undefined;
        }
        if (opposite !== undefined && opposite.guards !== "any") {
          this.placement.frontier = [...opposite.guards];
        }
        return undefined;
      }
      case "value":
        return this.#decide(condition.of, piece);
      case "always":
        return undefined;
    }
  }

  /** A value decides; what is said of a stop is done after it. */
  #decide(text: string, piece: Piece): FailureBranch | undefined {
    const decisions = this.decisions;
    if (decisions.isMade(piece.conditions)) return decisions.branch;
    const step = decisions.make(text, piece, {
      clause: this.clauses.length,
      before: this.steps.filter((one) => one.branch === undefined).toReversed(),
      input: this.inputs(),
    });
    const { conditions: _conditions, ...rest } = piece;
    const placed = this.put({ ...rest, conditions: [], join: "then" }, step);
    if (step.gate === undefined) {
      const isEnd = decisions.endsBy(piece.conditions);
      this.ask(isEnd ? valueQuestion(text) : decisionQuestion(text));
    }
    if (placed === undefined) decisions.drop();
    if (placed !== undefined) this.clauses.at(-1)?.steps.push(placed);
    const of = step.gate?.of;
    if (of !== undefined && !reaches(of, step)) step.parents.add(of);
    return decisions.branch;
  }

  #openRefusal(condition: Extract<Condition, { kind: "refused" }>, piece: Piece): FailureBranch {
    let signal = this.steps.findLast(({ kind }) => kind === "signal");
    if (signal === undefined) {
      const text = condition.within === undefined ? "approval" : "acknowledgement";
      signal = newStep("signal", { text, clause: this.clauses.length });
      this.placement.inOrder({ ...piece, join: "then" }, signal);
      this.clauses.at(-1)?.steps.push(signal);
    }
    const ms = condition.within === undefined ? undefined : durationIn(condition.within);
    if (ms !== undefined) signal.waitMs = ms;
    else signal.mayBeRefused = true;
    this.decisions.forget();
    return new FailureBranch([signal], condition);
  }

  /**
   * Other systems that could be meant as well; and what is to be done for each of many: a capability that
   * takes a list does it for all at once, and before the first step a task is one of them.
   */
  #question({ each }: Piece, { match, rival }: Extract<Ask, { kind: "capability" }>): void {
    const { offer } = match;
    const words = this.clauses.at(-1)?.text ?? "";
    if (rival !== undefined) this.ask(rivalQuestion(words, [offer, rival.offer]));
    if (isDoubtful(match)) this.ask(doubtQuestion(words, match));
    const isList = Object.values(takenBy([offer])).some(({ type }) => type === "array");
    if (each === undefined || isList || this.steps.length === 0) return;
    this.ask(eachQuestion(each, offer.capability.name));
  }

  /** `an answer from the articles found`: what else a piece says may be the step that makes its input. */
  #addImplied(
    piece: Piece,
    { match }: Extract<Ask, { kind: "capability" }>,
    clause: PlannedClause,
  ): void {
    const implied = impliedIn(piece.text, match, this.index);
    if (implied === undefined) return;
    const { match: best, text } = implied;
    const isThere = this.steps.some(({ offer }) => offer === best.offer);
    if (isThere) return;
    const { after: _after, before: _before, ...rest } = piece;
    const step = this.put(
      rest,
      newStep("remote", { text, clause: this.clauses.length, match: best }),
    );
    if (step !== undefined) clause.steps.push(step);
  }

  #readAnchors(piece: Piece): {
    readonly after?: readonly PlannedStep[];
    readonly before?: PlannedStep;
  } {
    const after = piece.after === undefined ? undefined : this.named(piece.after);
    const before = piece.before === undefined ? undefined : this.named(piece.before)?.[0];
    return { ...(after !== undefined && { after }), ...(before !== undefined && { before }) };
  }

  /** The steps that a text such as `the load is done` means; it may ask for one itself. */
  protected named(text: string): readonly PlannedStep[] | undefined {
    if (isNothingNamed(text)) {
      return isAllNamed(text) ? this.leaves() : this.placement.frontier;
    }
    const isFirstAnswer = isApproval(text) && this.steps.every(({ kind }) => kind !== "signal");
    const known = isFirstAnswer ? undefined : this.stepNamed(text);
    if (known !== undefined) return [known];
    const [best] = this.index.match(text);
    const isPlain = best !== undefined && best.score >= IMPLIED_SCORE_MIN && best.hasVerb;
    if (!isPlain && !isApproval(text)) return undefined;
    const step = isPlain
      ? newStep("remote", { text, clause: this.clauses.length, match: best })
      : newStep("signal", { text, clause: this.clauses.length });
    this.placement.inOrder({
      text,
      join: "then",
      conditions: [],
      isItem: false,
      isQuestion: false,
    }, step);
    this.clauses.at(-1)?.steps.push(step);
    return [step];
  }

  /** The step that a text names, among those that there are. */
  protected stepNamed(text: string): PlannedStep | undefined {
    if (isApproval(text)) {
      const signal = this.steps.findLast(({ kind }) => kind === "signal");
      if (signal !== undefined) return signal;
    }
    const ranked = this.index.match(text);
    for (const { offer, score } of ranked) {
      if (score < REFERENCE_SCORE_MIN) break;
      const step = this.steps.findLast((one) => one.offer === offer);
      if (step !== undefined) return step;
      if (score >= IMPLIED_SCORE_MIN) break;
    }
    return undefined;
  }

  /** Asks the person something. */
  ask(question: Question): void {
    this.questions.push(question);
  }
}
