/** Change steps: makes one change of the steps of a document, or asks what is meant. */

import { DURATION_MS_MAX } from "../../core/duration.ts";
import { askOf } from "./asks.ts";
import { additionIn, type Change, changeIn } from "./changes.ts";
import { fieldsOf } from "./contracts.ts";
import type { Piece } from "./pieces.ts";
import { newStep, type PlannedClause, type PlannedStep, reaches } from "./planned_step.ts";
import { cannotQuestion, nobodyQuestion, readsQuestion, removalQuestion } from "./questions.ts";
import type { Revision, Setting } from "./revision.ts";
import { childrenOf, isMain, loosen, putInPlace, readsOf, runBeside, takeOut } from "./rewire.ts";
import { durationText } from "./write_edits.ts";

/** A worse match does not ask for a capability where a step is named. */
const CAPABILITY_SCORE_MIN = 0.6;

/** The steps that a change is about; undefined: it changes nothing that is there. */
type Changed = readonly PlannedStep[] | undefined;

/** What a change is read from. */
interface Said {
  readonly text: string;
  readonly piece: Piece;
  readonly clause: PlannedClause;
}

/** Makes changes in a revision. */
export class StepChanges {
  /** Steps of one sentence that are to run side by side. */
  readonly #groups = new Map<number, { readonly clause: PlannedClause; steps: PlannedStep[] }>();

  constructor(private readonly of: Revision) {}

  /** Makes a change, or asks about it; undefined: the text asks for something else. */
  make(said: Said): Changed {
    const { text, clause } = said;
    const grouped = this.#group(said);
    if (grouped !== undefined) return grouped;
    const change = changeIn(text);
    switch (change?.kind) {
      case undefined:
        return undefined;
      case "remove":
        return this.#remove(change, said);
      case "rename":
        return this.#rename(change, clause);
      case "replace":
        return this.#replace(change, said);
      case "move":
        return this.#moveNamed(change, said);
      case "parallel":
        return this.#parallel(change, said);
      case "sequence":
        return this.#sequence(change);
      case "deadline":
        return this.#set({ field: ["deadline"], value: durationText(change.ms) }, []);
      case "time":
      case "attempts":
      case "field":
        return this.#tune(change, clause);
    }
  }

  #set(setting: Omit<Setting, "clause">, steps: readonly PlannedStep[]): readonly PlannedStep[] {
    this.of.settings.push({ ...setting, clause: this.of.clause });
    return steps;
  }

  #remove(
    { of, isStep }: Extract<Change, { kind: "remove" }>,
    { text, clause }: Said,
  ): Changed {
    const steps = this.of.names.list(of)?.filter((step) => !this.of.removed.has(step)) ?? [];
    const candidates = this.of.find(of);
    if (steps.length === 0 && (isStep || candidates.length > 1)) {
      return this.of.unclear(clause, this.of.whichOf(of, candidates));
    }
    const [first] = steps;
    if (first === undefined) return undefined;
    const [best] = this.of.index.match(text);
    const [verb = ""] = text.toLowerCase().split(/\s+/);
    const isAsked = !isStep && best !== undefined && best.words.includes(verb) && best.hasNoun &&
      best.score >= CAPABILITY_SCORE_MIN;
    if (isAsked) {
      const { name } = best.offer.capability;
      return this.of.unclear(clause, removalQuestion(text, first.name ?? "", name));
    }
    for (const step of steps) this.#takeAway(step);
    return steps;
  }

  #takeAway(step: PlannedStep): void {
    takeOut(this.of.steps, step);
    this.#forget(step);
  }

  #forget(step: PlannedStep): void {
    this.of.removed.set(step, this.of.clause);
    this.of.steps.splice(this.of.steps.indexOf(step), 1);
    step.branch?.steps.splice(step.branch.steps.indexOf(step), 1);
    const isEnd = this.of.placement.frontier.includes(step);
    if (isEnd) this.of.placement.frontier = this.of.leaves();
    for (const branch of this.of.branches) {
      if (branch.guards !== "any") branch.guards = branch.guards.filter((one) => one !== step);
    }
  }

  #rename({ of, to }: Extract<Change, { kind: "rename" }>, clause: PlannedClause): Changed {
    const step = this.of.one(of, clause);
    if (step === undefined) return [];
    this.of.renamed.set(step, { to, clause: this.of.clause });
    return [step];
  }

  #replace(
    { of, by }: Extract<Change, { kind: "replace" }>,
    { piece, clause }: Said,
  ): Changed {
    const old = this.of.one(of, clause);
    if (old === undefined) return [];
    const ask = askOf({ ...piece, text: by, isItem: true }, this.of.index, {
      favoured: new Set(),
      isFed: () => true,
    });
    if (ask.kind !== "capability" && ask.kind !== "person" && ask.kind !== "wait") {
      return this.of.unclear(clause, nobodyQuestion(by, false));
    }
    const kind = { capability: "remote", person: "signal", wait: "sleep" } as const;
    const step = newStep(kind[ask.kind], {
      text: by,
      clause: this.of.clause,
      ...(ask.kind === "capability" && { match: ask.match }),
    });
    if (ask.kind === "wait") step.waitMs = ask.ms;
    putInPlace(this.of.steps, old, step);
    this.of.steps.splice(this.of.steps.indexOf(old), 0, step);
    this.#forget(old);
    this.of.instead.set(old, step);
    this.of.placement.previous = step;
    return [step];
  }

  #parallel(
    { of, with: other }: Extract<Change, { kind: "parallel" }>,
    { piece, clause }: Said,
  ): Changed {
    const beside = this.of.names.list(other);
    if (beside === undefined) {
      return this.of.unclear(clause, this.of.whichOf(other, this.of.find(other)));
    }
    const steps = this.of.names.list(of);
    if (steps !== undefined) return this.#runBeside([...steps, ...beside], clause);
    return this.of.addBeside({ ...piece, text: additionIn(of) ?? of }, beside, clause);
  }

  #runBeside(steps: readonly PlannedStep[], clause: PlannedClause): readonly PlannedStep[] {
    const reading = runBeside(this.of.steps, [...new Set(steps)]);
    if (reading === undefined) return steps;
    return this.#reads(reading.reader, reading.of, clause);
  }

  #reads(reader: PlannedStep, of: PlannedStep, clause: PlannedClause): readonly [] {
    const what = readsOf(reader, of).join(", ");
    return this.of.unclear(clause, readsQuestion(reader.name ?? "", of.name ?? "", what));
  }

  #sequence({ of }: Extract<Change, { kind: "sequence" }>): Changed {
    const steps = this.of.names.list(of);
    if (steps === undefined || steps.length < 2) return undefined;
    steps.forEach((step, at) => {
      const before = steps[at - 1];
      if (before !== undefined) this.of.placement.connect(before, step);
    });
    return steps;
  }

  /** `run the stock check and the fraud check in parallel` comes in pieces. */
  #group({ text, piece: { group }, clause }: Said): Changed {
    if (group === undefined) return undefined;
    const named = text.replace(/^(?:run|do|execute|start|perform|make)\s+/i, "");
    const found = this.of.names.list(named) ?? [];
    const known = this.#groups.get(group);
    if (found.length === 0 || (named === text && !this.of.isName(named) && known === undefined)) {
      return undefined;
    }
    const all = { clause, steps: [...known?.steps ?? [], ...found] };
    this.#groups.set(group, all);
    return all.steps.length < 2 ? found : this.#runBeside(all.steps, clause);
  }

  #moveNamed(
    { of }: Extract<Change, { kind: "move" }>,
    { text, piece, clause }: Said,
  ): Changed {
    const isMove = /^(?:move|shift|reorder|put|place)\b/i.test(text);
    const hasPlace = piece.after !== undefined || piece.before !== undefined ||
      piece.join === "first" || piece.join === "last";
    const found = this.of.find(of.replace(/\s+to$/i, ""));
    const [step] = found;
    if (step === undefined || found.length > 1) {
      return isMove ? this.of.unclear(clause, this.of.whichOf(of, found)) : undefined;
    }
    if (!hasPlace) return isMove ? this.of.unclear(clause, this.of.placeOf(piece.text)) : undefined;
    return this.move(piece, step, clause);
  }

  /** Puts a known step somewhere else. */
  move(piece: Piece, step: PlannedStep, clause: PlannedClause): readonly PlannedStep[] {
    const after = piece.after === undefined ? [] : this.of.named(piece.after) ?? [];
    const [before] = piece.before === undefined ? [] : this.of.named(piece.before) ?? [];
    const next = before === undefined
      ? after.flatMap((one) => childrenOf(this.of.steps, one)).filter(isMain)
      : [before];
    const early = [...step.parents].find((parent) =>
      readsOf(step, parent).length > 0 && next.some((one) => one === parent || reaches(one, parent))
    );
    if (early !== undefined) return this.#reads(step, early, clause);
    const late = childrenOf(this.of.steps, step).find((child) =>
      readsOf(child, step).length > 0 && after.some((one) => one === child || reaches(child, one))
    );
    if (late !== undefined) return this.#reads(late, step, clause);
    const readers = childrenOf(this.of.steps, step).filter((child) =>
      readsOf(child, step).length > 0
    );
    takeOut(this.of.steps, step);
    loosen(step);
    for (const reader of readers) reader.parents.add(step);
    this.of.steps.splice(this.of.steps.indexOf(step), 1);
    this.of.placement.frontier = this.of.leaves();
    this.of.put({ ...piece, join: piece.join === "and" ? "then" : piece.join }, step);
    return [step];
  }

  #tune(
    change: Extract<Change, { kind: "time" | "attempts" | "field" }>,
    clause: PlannedClause,
  ): Changed {
    const step = this.of.one(change.of, clause);
    if (step === undefined) return [];
    if (change.kind === "field") return this.#setField(step, change, clause);
    if (change.kind === "attempts") {
      if (step.kind !== "remote" && step.kind !== "other") {
        const why = `${step.name} is not something that is tried: which step is meant?`;
        return this.of.unclear(clause, cannotQuestion(clause.text, why));
      }
      step.policy.attemptsMax = change.count;
      return [step];
    }
    if (change.ms > DURATION_MS_MAX) {
      return this.of.unclear(clause, cannotQuestion(clause.text, "that is too long"));
    }
    if (step.kind === "sleep" && step.known === undefined) step.waitMs = change.ms;
    else if (step.kind === "sleep") {
      return this.#set({ step, field: ["sleep"], value: durationText(change.ms) }, [step]);
    } else if (step.kind === "signal" && step.known === undefined) step.waitMs = change.ms;
    else step.policy.timeoutMs = change.ms;
    return [step];
  }

  /** A value of what a step is given: as its contract wants it. */
  #setField(
    step: PlannedStep,
    { field, value }: Extract<Change, { kind: "field" }>,
    clause: PlannedClause,
  ): Changed {
    const fields = fieldsOf(step.offer?.capability.input);
    const schema = fields[field];
    if (schema === undefined) {
      const names = Object.keys(fields);
      const why = names.length === 0
        ? `nobody says what ${step.name} takes: which field is it?`
        : `${step.name} takes ${names.slice(0, 12).join(", ")}: which is meant?`;
      return this.of.unclear(clause, cannotQuestion(clause.text, why));
    }
    const isNumber = schema["type"] === "integer" || schema["type"] === "number";
    const typed = isNumber && value !== "" && Number.isFinite(Number(value))
      ? Number(value)
      : schema["type"] === "boolean" && /^(?:true|false)$/i.test(value)
      ? value.toLowerCase() === "true"
      : value.replaceAll("$", "");
    return this.#set({ step, field: ["with", field], value: typed }, [step]);
  }

  /** What was to run beside something, and nothing said what, is asked. */
  finish(): void {
    for (const { clause, steps } of this.#groups.values()) {
      if (steps.length < 2) this.of.unclear(clause, this.of.whichOf(clause.text, []));
    }
  }
}
