/**
 * Scripted models of the bench: one that knows the gold graph and one that does not care, asked over HTTP
 * by the real adapter. They show what the bounds of a draft let through, not how good a model is.
 */

import { completion, openModelScene } from "../../src/model/_scripted_model.ts";
import { DraftRequest } from "../../src/core/draft.ts";
import type { Draft } from "../../src/core/draft.ts";
import { openGenerator } from "../../src/server/generator.ts";
import { openRehearser } from "../../src/server/rehearser.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import type { Case, GoldStep } from "./case.ts";

/** How a scripted model answers. */
export type Character = "knowing" | "careless";

/** What a prompt says of the parts, of the capabilities and of the planner's draft. */
interface Sent {
  readonly parts: readonly { n: number; text: string; steps: readonly string[] }[];
  readonly capabilities: readonly {
    readonly id: string;
    readonly name: string;
    readonly system: string;
    readonly takes: readonly string[];
  }[];
  readonly draft: readonly { name: string; does: string }[];
}

/** Makes the draft of a case with a scripted model. */
export async function draftOf(of: Case, character: Character): Promise<Draft> {
  await using scene = await openModelScene(() => {
    const { messages } = JSON.parse(scene.model.bodies.at(-1) ?? "{}");
    const sent = JSON.parse(messages[1].content) as Sent;
    const operations = character === "knowing" ? knowing(of, sent) : careless(sent);
    return completion(JSON.stringify({ operations }));
  });
  const runtime = openRuntime();
  const generator = openGenerator({
    rehearser: openRehearser(runtime),
    runtime,
    model: scene.asked,
  });
  const request = DraftRequest.parse({ description: of.description });
  return await generator.generate(request, of.registry, {});
}

/** Adds what the gold graph has and the draft has not, as far as the operations can say it. */
function knowing({ gold }: Case, sent: Sent): readonly unknown[] {
  const names = new Map(
    gold.steps.flatMap(({ name, capability }) => {
      const same = sent.draft.find(({ does }) => does === capability);
      return same === undefined ? [] : [[name, same.name] as const];
    }),
  );
  return gold.steps.flatMap((step): readonly unknown[] => {
    const offer = sent.capabilities.find(({ name, system }) =>
      name === step.capability && (step.owner === undefined || step.owner === system)
    );
    if (offer === undefined || names.has(step.name)) return [];
    names.set(step.name, step.name);
    const after = gold.edges.filter(([, to]) => to === step.name)
      .flatMap(([from]) => names.get(from) ?? []);
    const inputs = offer.takes.map((field) => ({
      field,
      from: sourceOf(gold, step, field, names),
    }));
    const when = gold.failurePath.includes(step.name) ? "failed" : "succeeded";
    const part = partOf(step, sent);
    const placeholder = sent.parts.find(({ n }) => n === part)?.steps.find((name) =>
      sent.draft.some((one) => one.name === name && !one.does.includes("."))
    );
    return placeholder === undefined
      ? [{ op: "add_capability", name: step.name, part, capability: offer.id, after, when, inputs }]
      : [{ op: "fill", step: placeholder, capability: offer.id, inputs }];
  });
}

function sourceOf(
  { mustMap }: Case["gold"],
  { name }: GoldStep,
  field: string,
  names: ReadonlyMap<string, string>,
): string {
  const wanted = mustMap.find((one) => one.step === name && one.field === field)?.from;
  const [root = "input", ...path] = (wanted ?? `$.input.${field}`).replace(/^\$\.?/, "").split(".");
  return `$.${[names.get(root) ?? root, ...path].join(".")}`;
}

/** The part whose words are most like the name of a step; else the first without a step. */
function partOf({ name, capability = "" }: GoldStep, { parts }: Sent): number {
  const words = `${name} ${capability}`.toLowerCase().split(/[^a-z]+/).filter((one) =>
    one.length > 2
  );
  const ranked = parts.map(({ n, text, steps }) => ({
    n,
    hits: words.filter((word) => text.toLowerCase().includes(word.slice(0, 5))).length,
    isOpen: steps.length === 0,
  })).sort((a, b) => b.hits - a.hits || Number(b.isOpen) - Number(a.isOpen));
  return ranked[0]?.n ?? 1;
}

/** Puts the first capability into every part that has no step, and one that is not there. */
function careless({ parts, capabilities: [first] }: Sent): readonly unknown[] {
  const open = parts.filter(({ steps }) => steps.length === 0);
  return [...open, { n: 1 }].map(({ n }, at) => ({
    op: "add_capability",
    name: `extra_${at}`,
    part: n,
    capability: at === open.length ? "c999" : first?.id ?? "c1",
    after: [],
    when: "succeeded",
    inputs: [],
  }));
}
