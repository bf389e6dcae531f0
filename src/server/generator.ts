/** The generator of a server: from a description in plain language to a proposal that was rehearsed. */

import { convertedText } from "../author/convert.ts";
import { type Plan, plan } from "../author/plan/plan.ts";
import { type Document, stepsOf } from "../author/document.ts";
import { edit } from "../author/edit.ts";
import { withoutSteps } from "../author/parts.ts";
import { problem } from "../author/problem.ts";
import { problems } from "../author/problems.ts";
import { YAML } from "../author/yaml_language.ts";
import type { Directory, Edit, Problem } from "../core/authoring.ts";
import { changedLines } from "../core/changed_lines.ts";
import type { Draft, DraftEdit, Drafter, DraftRequest } from "../core/draft.ts";
import { assert, TaskerError } from "../core/errors.ts";
import type { Generator, Rehearser, Runtime, WhoAsks } from "../core/ports.ts";
import type { Rehearsal } from "../core/rehearsal.ts";
import type { Model } from "../model/model.ts";
import { documentOf } from "./documents.ts";
import type { ModelEdits } from "./model_draft.ts";
import { completeByModel } from "./model_drafter.ts";

/** What a document is before its first edit. */
const EMPTY = "name: draft\n";

/** What a generator works with. */
export interface GeneratorDeps {
  readonly rehearser: Rehearser;
  readonly runtime: Pick<Runtime, "soon">;
  /** Absent: rules alone make the draft. */
  readonly model?: Pick<Model, "ask"> | undefined;
}

/** Changes of an empty document, before they are checked. */
interface Proposed {
  readonly by: Drafter;
  readonly edits: readonly DraftEdit[];
  readonly clauses: Plan["clauses"];
  readonly unmatched: readonly number[];
  readonly questions: readonly string[];
  readonly isAbstention: boolean;
  /** Steps that a model adds, and no words ask for. */
  readonly unasked?: readonly string[];
}

/** Opens a generator. What has to be asked first is asked of the person, and of no model. */
export function openGenerator(deps: GeneratorDeps): Generator {
  return {
    async generate(request, directory, who) {
      const base = await baseOf(request);
      const planned = proposalFor(request, { directory, base });
      const drafting = new Drafting(deps, request, { directory, base, who });
      const own = await drafting.draft(planned);
      const { model } = deps;
      const isManifest = base === undefined || base.language.format === "yaml";
      const isAsked = model !== undefined && request.by === "model" && isManifest;
      if (!isAsked || own.isAbstention) return own;
      const { description } = request;
      return await completeByModel({
        ...{ model, description, namespace: own.namespace, directory, own },
        draftWith: (added) => drafting.draft(withAdded(planned, added)),
      });
    },
  };
}

async function baseOf({ base }: DraftRequest): Promise<Document | undefined> {
  if (base?.text === undefined) return undefined;
  return await documentOf({ text: base.text, format: base.format });
}

/** What the planner proposes. Of a base, only the wanted parts are planned: each is a change by itself. */
function proposalFor(
  request: DraftRequest,
  { directory, base }: {
    readonly directory: Directory;
    readonly base: Document | undefined;
  },
): Proposed {
  const { description, parts } = request;
  const options = { ...optionsOf(request), ...(base !== undefined && { base: base.value }) };
  const whole = plan(description, directory, options);
  demandParts(request, whole);
  if (base === undefined || parts === undefined) return proposedBy(whole);
  const taken = plan(description, directory, { ...options, parts });
  const reliesOn = parts.filter((n) =>
    taken.clauses[n - 1]?.steps.join() !== whole.clauses[n - 1]?.steps.join()
  );
  if (reliesOn.length === 0) return proposedBy(taken);
  throw new TaskerError(
    "api.bad_request",
    `Cannot take part ${reliesOn.join(", ")} alone: it relies on what another part changes; ` +
      "take both, or describe it by itself",
  );
}

/** @throws {TaskerError} api.bad_request */
function demandParts({ parts = [] }: DraftRequest, { clauses }: Pick<Plan, "clauses">): void {
  const absent = parts.filter((n) => n > clauses.length);
  if (absent.length === 0) return;
  throw new TaskerError(
    "api.bad_request",
    `Cannot take part ${absent.join(", ")}: the description has parts 1 to ${clauses.length}`,
  );
}

function optionsOf({ name, namespace }: DraftRequest) {
  return { namespace, ...(name !== undefined && { name }) };
}

function proposedBy({ edits, ...rest }: Plan): Proposed {
  return { ...rest, by: "planner", edits: edits.map((one) => ({ ...one, by: "planner" })) };
}

/** The planner's proposal with what a model adds. */
function withAdded(planned: Proposed, { edits, filled, unasked }: ModelEdits): Proposed {
  const added = (n: number) =>
    edits.flatMap(({ edit, clause }) =>
      edit.kind === "add_step" && clause === n ? [edit.step.name] : []
    );
  return {
    ...planned,
    by: "model",
    unasked,
    edits: [...planned.edits, ...edits],
    clauses: planned.clauses.map((one) => ({ ...one, steps: [...one.steps, ...added(one.n)] })),
    unmatched: planned.unmatched.filter((n) => !filled.includes(n)),
  };
}

/** Makes drafts for one request, each checked in the same way, whoever proposes it. */
class Drafting {
  constructor(
    readonly deps: Pick<GeneratorDeps, "rehearser" | "runtime">,
    readonly request: DraftRequest,
    readonly of: {
      readonly directory: Directory;
      /** The document that is changed; absent: a new one is made. */
      readonly base: Document | undefined;
      readonly who: WhoAsks;
    },
  ) {}

  get #namespace(): string {
    return String(this.of.base?.value.namespace ?? this.request.namespace);
  }

  /**
   * Makes the edits, takes the parts that are wanted, and checks what comes of it: by the validator, by a
   * rehearsal of the good path and of failures, and by writing its test.
   *
   * @throws {TaskerError} document.edit_refused when an edit cannot be made, api.busy
   */
  async draft(proposed: Proposed): Promise<Draft> {
    const { clauses, unmatched, questions, isAbstention, by } = proposed;
    const { base, directory } = this.of;
    const namespace = this.#namespace;
    if (isAbstention) return this.#nothing(proposed);
    const taken = this.#take(await this.#write(proposed.edits), proposed);
    const { value, text } = taken.document;
    const names = new Set(stepsOf(value).map((step) => step.name));
    const wanted = unmatched.filter((n) => this.#isWanted(n));
    const found = [
      ...problems(taken.document, directory),
      ...uncovered(proposed, { ...this.request, document: taken.document, wanted }),
    ];
    const rehearsal = await this.#rehearse(taken.document);
    // Code is not run here: its own test does that.
    const isPlayed = rehearsal?.isOk === true || taken.document.code.size > 0;
    const isReady = found.every(({ severity }) => severity !== "error") && isPlayed;
    return {
      name: String(value.name),
      namespace,
      by,
      isAbstention,
      isReady,
      text,
      clauses: clauses.map(({ n, text, steps }) => ({
        n,
        text,
        steps: steps.filter((of) => names.has(of)),
      })),
      unmatched: wanted,
      questions,
      missing: missingIn(found, rehearsal),
      edits: taken.edits,
      problems: found,
      ...(rehearsal !== undefined && { rehearsal }),
      ...(base !== undefined && {
        problemsBefore: problems(base, directory),
        diff: changedLines(base.text, text),
      }),
    };
  }

  /** Nothing is proposed before the questions are answered. */
  #nothing({ by, isAbstention, clauses, unmatched, questions }: Proposed): Draft {
    const { base } = this.of;
    return {
      name: this.request.name ?? String(base?.value.name ?? ""),
      namespace: this.#namespace,
      ...{ by, isAbstention, unmatched, questions, missing: [...questions] },
      clauses: clauses.map(({ n, text, steps }) => ({ n, text, steps })),
      ...{ isReady: false, text: "", edits: [], problems: [] },
    };
  }

  /** The document after the edits. The event loop goes on in between. */
  async #write(edits: readonly DraftEdit[]): Promise<Document> {
    const read = YAML.read("workflow.yaml", EMPTY);
    assert(read.ok, "The empty document can be read");
    let document = this.of.base ?? read.document;
    for (const one of edits) {
      document = edit(document, [one.edit]);
      await new Promise<void>((wake) => this.deps.runtime.soon(wake));
    }
    return document;
  }

  #isWanted(clause: number | undefined): boolean {
    const { parts } = this.request;
    return parts === undefined || clause === undefined || parts.includes(clause);
  }

  #take(document: Document, { edits }: Proposed): Pick<Proposed, "edits"> & { document: Document } {
    if (this.of.base !== undefined) return { document, edits };
    const left = edits.flatMap(({ edit, clause }) =>
      edit.kind === "add_step" && !this.#isWanted(clause) ? [edit.step.name] : []
    );
    if (left.length === 0) return { document, edits };
    const { document: taken, edits: more } = withoutSteps(document, left);
    const parked = parkedAgain(taken);
    const why = "its part of the description is not taken";
    return {
      document: edit(taken, parked),
      edits: [
        ...edits,
        ...[...more, ...parked].map((edit): DraftEdit => ({ edit, why, by: "planner" })),
      ],
    };
  }

  /** Undefined: it cannot even be built, and its problems say why. */
  async #rehearse(document: Document): Promise<Rehearsal | undefined> {
    if (document.code.size > 0) return undefined;
    try {
      const { file } = this.request;
      const text = convertedText(document, "yaml");
      return await this.deps.rehearser.rehearse({ text, file, ...this.of.who });
    } catch (error) {
      if (error instanceof TaskerError && error.code === "definition.invalid") return undefined;
      throw error;
    }
  }
}

/** Without a failure path, a step whose attempts are used up had better wait for a person. */
function parkedAgain({ value }: Document): readonly Edit[] {
  const steps = stepsOf(value);
  if (steps.some(({ fields }) => fields.when === "failed")) return [];
  return steps.filter(({ fields }) => fields.on_exhausted === "fail")
    .map(({ name }): Edit => ({ kind: "unset", step: name, field: ["on_exhausted"] }));
}

/**
 * Problems of a draft with what was asked for: parts that no step does (W51, or W34 for a failure path),
 * names that are not quite right (W52), and steps of a model that no words ask for (W50).
 */
function uncovered(
  { clauses, unasked = [] }: Proposed,
  { document, description, wanted }: {
    readonly document: Document;
    readonly description: string;
    readonly wanted: readonly number[];
  },
): readonly Problem[] {
  const steps = stepsOf(document.value);
  const parts = clauses.filter(({ n }) => wanted.includes(n)).map((clause) => {
    const todo = steps.find(({ name }) => clause.steps.includes(name));
    const path = todo === undefined ? [] : ["workflow_steps", todo.index];
    const place = { path, at: placeIn(description, clause.text) };
    const said = `part ${clause.n}: "${clause.text}"`;
    if (clause.near !== undefined) {
      return problem("W52", { ...place, text: `is ${clause.near} meant in ${said}?` });
    }
    const isLost = clause.isFailurePath && todo === undefined;
    return isLost
      ? problem("W34", { ...place, text: `nothing is done after a failure by ${said}` })
      : problem("W51", { ...place, text: `no step does ${said}` });
  });
  const extra = steps.filter(({ name }) => unasked.includes(name)).map(({ name, index }) => {
    const path = ["workflow_steps", index];
    const text = `no words of the description ask for step "${name}": the model proposes it`;
    return problem("W50", { path, at: document.at(path), text });
  });
  return [...parts, ...extra];
}

/** Where a part of a description begins, from 1; undefined: it was put in other words. */
function placeIn(description: string, part: string): Problem["at"] {
  const index = description.toLowerCase().indexOf(part.toLowerCase());
  if (index < 0) return undefined;
  const before = description.slice(0, index).split("\n");
  return { file: "description", line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

function missingIn(
  found: readonly Problem[],
  rehearsal: Rehearsal | undefined,
): readonly string[] {
  const { problems = [], runs = [] } = rehearsal ?? {};
  const played = [...problems, ...runs.flatMap((run) => run.problems)]
    .filter(({ severity }) => severity === "error")
    .map(({ step, text }) => step === undefined ? text : `${step}: ${text}`);
  const stated = found.filter(({ severity }) => severity === "error")
    .map(({ code, text }) => `${code}: ${text}`);
  return [...new Set([...stated, ...played])];
}
