/** Problems of a document with what is registered: systems, capabilities, versions, grants. */

import type { AskedCapability } from "../core/asked_capability.ts";
import type { Directory, Problem } from "../core/authoring.ts";
import { nearestOf } from "../core/nearest.ts";
import type { ProblemCode } from "../core/problem_codes.ts";
import { EFFECTS } from "../core/system.ts";
import { parseDuration } from "../core/duration.ts";
import { readForeignSchema } from "../core/foreign_schema.ts";
import type { Document, Fields } from "./document.ts";
import { askedBy, isIn, type Offer, offerFor, type Sent, sentSteps } from "./offers.ts";
import { namesOffered, problem } from "./problem.ts";
import { isRecord } from "./yaml_text.ts";

type System = Directory["systems"][number];

/** What a manifest declares of a step's capability: its effect and its time-out. */
export function declaredOffer(
  step: Sent,
  { systems }: Fields,
): Pick<Offer, "effect" | "timeoutMs"> | undefined {
  const { owner } = step;
  const asked = askedBy(step);
  if (asked === undefined || !isRecord(systems)) return undefined;
  const named = owner === undefined ? Object.values(systems) : [systems[owner]];
  for (const system of named) {
    const offers = isRecord(system) && Array.isArray(system.capabilities)
      ? system.capabilities
      : [];
    const offer = offers.find((one: unknown) => isRecord(one) && one.name === asked.name);
    if (offer === undefined) continue;
    const timeoutMs = parseDuration(offer.timeout ?? "");
    return {
      ...(EFFECTS.includes(offer.effect) && { effect: offer.effect }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    };
  }
  return undefined;
}

/** A document whose steps have the contracts that the directory knows, where they state none. */
export function withOffers(value: Fields, directory: Directory): Fields {
  const { workflow_steps: steps } = value;
  if (!Array.isArray(steps)) return value;
  const sent = new Map(sentSteps(value).map((step) => [step.index, step]));
  const filled = steps.map((fields: unknown, index) => {
    const step = sent.get(index);
    // An event alone asks for no contract: the loader does not know of any.
    const offer = step?.asked && offerFor(step, directory);
    if (offer === undefined || !isRecord(fields)) return fields;
    const { input, output } = offer;
    return {
      ...fields,
      ...(fields.input === undefined && isUsable(input) && { input }),
      ...(fields.result === undefined && isUsable(output) && { result: output }),
    };
  });
  return { ...value, workflow_steps: filled };
}

function isUsable(schema: Offer["input"]): boolean {
  return schema !== undefined && readForeignSchema(schema).ok;
}

/** Finds what a document asks for that is not registered, or not for the caller. */
export function registryProblems(document: Document, directory: Directory): readonly Problem[] {
  const check = new RegistryCheck(document, directory);
  for (const step of sentSteps(document.value)) check.step(step);
  return check.problems;
}

class RegistryCheck {
  readonly problems: Problem[] = [];
  readonly #systems: ReadonlyMap<string, System>;
  readonly #declared: Readonly<Record<string, unknown>>;

  constructor(readonly document: Document, readonly directory: Directory) {
    this.#systems = new Map(directory.systems.map((one) => [one.name, one]));
    const { systems } = document.value;
    this.#declared = isRecord(systems) ? systems : {};
  }

  step(step: Sent): void {
    if (step.owner === undefined) return this.#anyOwner(step);
    const system = this.#systems.get(step.owner);
    if (system === undefined) return this.#unknown(step, step.owner);
    if (system.granted === false) {
      this.#add("W15", step, "owner", `the key may not use system "${system.name}"`);
    }
    if (system.healthy === false) {
      this.#add("W14", step, "owner", `system "${system.name}" has no healthy instance now`);
    }
    if (step.asked !== undefined) this.#offered(step, step.asked, system);
  }

  /** What a manifest declares may come later; what it only names is a mistake. */
  #unknown(step: Sent, owner: string): void {
    if (Object.hasOwn(this.#declared, owner)) {
      const text =
        `no worker of system "${owner}" has registered: its steps will wait for the first`;
      return this.#add("W10", step, "owner", text, "warning");
    }
    const near = nearestOf(owner, this.#systems.keys());
    const hint = near === undefined
      ? "declare it under systems if it is still to come"
      : `did you mean "${near}"`;
    this.#add("W10", step, "owner", `no system "${owner}" is registered, ${hint}`);
  }

  #offered(step: Sent, asked: AskedCapability, system: System): void {
    const offers = system.capabilities.filter(({ name }) => name === asked.name);
    if (offers.some((offer) => isIn(offer, asked))) return;
    const isDeclared = this.#isDeclared(system.name, asked.name);
    const severity = isDeclared ? "warning" as const : undefined;
    if (offers.length > 0) {
      const versions = offers.map(({ version }) => version).join(", ");
      const text = `system "${system.name}" offers "${asked.name}" in version ${versions} only`;
      return this.#add("W13", step, "capability", text, severity);
    }
    const others = this.directory.systems.filter(({ capabilities }) =>
      capabilities.some(({ name }) => name === asked.name)
    ).map(({ name }) => `"${name}"`);
    if (others.length > 0) {
      const text = `system "${system.name}" does not offer "${asked.name}", but ${
        others.slice(0, 5).join(", ")
      } does`;
      return this.#add("W12", step, "capability", text, severity);
    }
    const names = system.capabilities.map(({ name }) => name);
    this.#add("W11", step, "capability", this.#unoffered(asked.name, names), severity);
  }

  #anyOwner(step: Sent): void {
    const { asked } = step;
    if (asked === undefined) return;
    const all = this.directory.systems.flatMap(({ capabilities }) => capabilities);
    const offering = this.directory.systems.filter(({ capabilities }) =>
      capabilities.some((offer) => offer.name === asked.name && isIn(offer, asked))
    );
    if (offering.length === 0) {
      const versions = all.filter(({ name }) => name === asked.name);
      const isDeclared = Object.keys(this.#declared).some((one) =>
        this.#isDeclared(one, asked.name)
      );
      const severity = isDeclared ? "warning" as const : undefined;
      if (versions.length === 0) {
        const text = this.#unoffered(asked.name, all.map(({ name }) => name));
        return this.#add("W11", step, "capability", text, severity);
      }
      const list = versions.map(({ version }) => version).join(", ");
      const text = `"${asked.name}" is offered in version ${list} only`;
      return this.#add("W13", step, "capability", text, severity);
    }
    const granted = offering.filter(({ granted }) => granted !== false);
    if (granted.length === 0) {
      this.#add("W15", step, "capability", `the key may not use a system that offers it`);
    } else if (granted.every(({ healthy }) => healthy === false)) {
      this.#add("W14", step, "capability", `no system that offers it has a healthy instance now`);
    }
  }

  #isDeclared(system: string, capability: string): boolean {
    const declared = Object.hasOwn(this.#declared, system) ? this.#declared[system] : undefined;
    return isRecord(declared) && namesOffered(declared).includes(capability);
  }

  #unoffered(name: string, names: readonly string[]): string {
    const near = nearestOf(name, names);
    const hint = near === undefined ? "" : `, did you mean "${near}"`;
    return `nobody who is registered offers "${name}"${hint}`;
  }

  #add(
    code: ProblemCode,
    { index }: Sent,
    field: string,
    text: string,
    severity?: Problem["severity"],
  ): void {
    const path = ["workflow_steps", index, field];
    this.problems.push(
      problem(code, { path, at: this.document.at(path), text, ...(severity && { severity }) }),
    );
  }
}
