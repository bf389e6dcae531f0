/** Capabilities: what a step of a manifest asks of systems, and what its manifest says of that. */

import { type AskedCapability, parseCapability } from "../core/asked_capability.ts";
import { parseVersionRange } from "../core/version.ts";
import type { StepContract } from "../core/workflow.ts";
import type { Draft } from "./draft.ts";
import { type Faults, suggest } from "./fault.ts";
import type { Manifest, ManifestStep, ManifestSystem } from "./manifest.ts";
import { readSchema } from "./step_kind.ts";
import { readablePath } from "./yaml.ts";

type Offer = ManifestSystem["capabilities"][number];

/** What a step asks of systems. */
export interface Asked {
  readonly capability?: AskedCapability;
  /** What the manifest says of it; a step that states its own overrides that. */
  readonly contract: StepContract;
  readonly timeoutMs?: number;
}

/**
 * Reads what a step asks of its owner, or of any system. A step that names its owner may only ask what the
 * manifest declares; any other system may register later.
 */
export function askedOf(
  { owner, capability: text }: ManifestStep,
  manifest: Manifest,
  place: Draft["place"],
  faults: Faults,
): Asked {
  if (text === undefined) return { contract: {} };
  const capability = parseCapability(text);
  if (capability === undefined) {
    const detail = `"${text}" is not a capability, expected one such as stock.check or ` +
      "stock.check@^1.2";
    faults.add(place("capability"), "bad_capability", detail);
    return { contract: {} };
  }
  const { systems } = manifest;
  const names = owner === undefined ? Object.keys(systems) : [owner];
  const offers = names.flatMap((system) =>
    (Object.hasOwn(systems, system) ? systems[system]?.capabilities ?? [] : [])
      .map((offer, index) => ({ offer, path: ["systems", system, "capabilities", index] }))
  );
  const named = offers.filter(({ offer }) => offer.name === capability.name);
  const found = named.find(({ offer }) => isOf(offer, capability));
  if (found === undefined && owner !== undefined) {
    const versions = named.map(({ offer }) => offer.version).join(", ");
    const near = suggest(capability.name, offers.map(({ offer }) => offer.name));
    faults.add(
      place("capability"),
      "no_capability",
      `system "${owner}" has no capability "${text}"${
        versions === "" ? near : `, only version ${versions}`
      }`,
    );
  }
  if (found === undefined) return { capability, contract: {} };
  const { offer, path } = found;
  const read = (part: "input" | "output") =>
    offer[part] === undefined ? undefined : readSchema(offer[part], (at) => {
      const whole = [...path, part, ...at];
      return { path: readablePath(whole), at: () => manifest.at(whole) };
    }, faults);
  const [input, success] = [read("input"), read("output")];
  return {
    capability,
    contract: { ...(input && { input }), ...(success && { success }) },
    ...(offer.timeout !== undefined && { timeoutMs: offer.timeout }),
  };
}

function isOf({ version }: Offer, { range }: AskedCapability): boolean {
  if (version === undefined || range === undefined) return true;
  return parseVersionRange(range)?.(version) === true;
}
