/**
 * Overlay changes of an incident: put, kept and taken back, each exactly once. A version that an incident
 * puts says so in its reason, so a step that is run again finds what it has done; what others have put
 * since is never overwritten.
 */

import type { Change, OverlayChange } from "../core/healing.ts";
import type { NewOverlay, Policies, PolicyOverlay } from "../core/ports.ts";
import { applyChanges, conflictsOf, inverseOf, valueAt } from "./changes.ts";

/** Who puts the versions of healing. */
export const HEALER = "tasker";

/** What an incident does to an overlay. */
type Deed = "tries" | "changes" | "keeps" | "takes back" | HoldingDeed;

/** What is done to a change that ends by itself. */
type HoldingDeed = "lets through" | "holds on" | "ends";

/** An incident's change of an overlay. */
export interface OverlayDeed {
  readonly incident: string;
  readonly change: OverlayChange;
  readonly why: string;
  readonly nowMs: number;
  /** Who does it; absent: the healer. */
  readonly by?: string;
}

/** What came of it. */
export type Put =
  | { readonly kind: "put"; readonly version: number; readonly base: number }
  /** Others have changed the same since, or are trying something: nothing was put. */
  | { readonly kind: "conflict"; readonly says: string };

/** A version that was put, with the values that it replaced. */
export type PutChange = Put & { readonly inverse?: OverlayChange };

/**
 * Lays a change into an overlay: for all tasks, or for a share of them. `expected` has the values that
 * the change was proposed for.
 */
export async function putChange(
  policies: Policies,
  deed: OverlayDeed,
  { percent, expected }: {
    readonly percent?: number | undefined;
    readonly expected?: OverlayChange | undefined;
  },
): Promise<PutChange> {
  const { change, incident } = deed;
  const versions = await versionsOf(policies, change);
  const kind = percent === undefined ? "changes" : "tries";
  const own = versions.find((version) => isBy(version, incident, kind));
  if (own !== undefined) {
    const base = versions.find(({ version }) => version === own.version - 1);
    return { kind: "put", ...putOf(own), inverse: inverseIn(base, change) };
  }
  const newest = versions.at(-1);
  if (newest?.canary !== undefined) return conflict(newest, "is tried by a share of the tasks");
  const changed = conflictsOf(contentOf(newest), expected?.changes ?? []);
  if (changed.length > 0) return conflict(newest, `has other values of ${changed.join(", ")}`);
  const inverse = inverseIn(newest, change);
  const put = await next(policies, newest, {
    ...deed,
    deed: kind,
    content: applyChanges(contentOf(newest), change.changes),
    ...(percent !== undefined && { canary: { percent, salt: incident } }),
  });
  return { ...put, inverse };
}

/** Whether an incident has done one of these already: the step that did died before that was recorded. */
export async function hasDone(
  policies: Policies,
  { change, incident }: Pick<OverlayDeed, "change" | "incident">,
  deeds: readonly Deed[],
): Promise<boolean> {
  const versions = await versionsOf(policies, change);
  return versions.some((one) => deeds.some((deed) => isBy(one, incident, deed)));
}

/** Lets all tasks have what a share of them has tried; `version` is what was put for the share. */
export async function keepChange(
  policies: Policies,
  deed: OverlayDeed,
  version: number,
): Promise<Put> {
  const versions = await versionsOf(policies, deed.change);
  const own = versions.find((one) => isBy(one, deed.incident, "keeps"));
  if (own !== undefined) return { kind: "put", ...putOf(own) };
  const newest = versions.at(-1);
  if (newest?.version !== version) return conflict(newest, "was put since");
  return await next(policies, newest, { ...deed, deed: "keeps", content: contentOf(newest) });
}

/**
 * Takes a change back: what a share has tried, or the values of `inverse`, as far as they are still
 * those that the incident put.
 */
export async function takeBack(
  policies: Policies,
  deed: OverlayDeed,
  { version, inverse }: { readonly version: number; readonly inverse: OverlayChange },
): Promise<Put> {
  const versions = await versionsOf(policies, deed.change);
  const own = versions.find((one) => isBy(one, deed.incident, "takes back"));
  if (own !== undefined) return { kind: "put", ...putOf(own) };
  const newest = versions.at(-1);
  if (newest === undefined) return { kind: "conflict", says: "the overlay is gone" };
  const isTried = newest.canary !== undefined && newest.version === version;
  const current = contentOf(newest);
  if (!isTried) {
    if (newest.canary !== undefined) return conflict(newest, "is tried by a share of the tasks");
    const conflicts = changedSince(versions, deed);
    if (conflicts.length > 0) {
      return conflict(newest, `has other values of ${conflicts.join(", ")}`);
    }
  }
  const content = applyChanges(current, inverse.changes);
  return await next(policies, newest, { ...deed, deed: "takes back", content });
}

/** How a change that ends by itself stands. */
export interface Standing {
  readonly kind: Deed;
  readonly says: string;
  /** When it began to stand like this. */
  readonly atMs: number;
  /** How often it was put again. */
  readonly renewals: number;
}

/** Reads how an incident's change stands; a conflict: others have put other values since. */
export async function holdingOf(
  policies: Policies,
  { incident, change }: Pick<OverlayDeed, "incident" | "change">,
): Promise<Standing | { readonly kind: "conflict"; readonly says: string }> {
  const versions = await versionsOf(policies, change);
  const deeds = deedsOf(versions, incident);
  const [last, newest] = [deeds.at(-1), versions.at(-1)];
  if (last === undefined || newest === undefined) return conflict(newest, "was put since");
  const { version: { by, reason, atMs }, kind } = last;
  if (kind === "takes back" && by !== HEALER) return conflict(last.version, "took it back");
  if (newest.canary !== undefined) return conflict(newest, "is tried by a share of the tasks");
  const changed = changedSince(versions, { incident, change });
  if (changed.length > 0) return conflict(newest, `has other values of ${changed.join(", ")}`);
  return {
    ...{ kind, says: reason, atMs },
    renewals: deeds.filter((deed) => deed.kind === "holds on").length,
  };
}

const DEEDS = [
  ...["tries", "changes", "keeps", "takes back"] as const,
  ...["lets through", "holds on", "ends"] as const,
];

/** What an incident has put, the first first. */
function deedsOf(versions: readonly PolicyOverlay[], incident: string) {
  return versions.flatMap((version) => {
    const kind = DEEDS.find((deed) => isBy(version, incident, deed));
    return kind === undefined ? [] : [{ kind, version }];
  });
}

/** Where the values are no longer those that the incident put last. */
function changedSince(
  versions: readonly PolicyOverlay[],
  { incident, change }: Pick<OverlayDeed, "incident" | "change">,
): readonly string[] {
  const own = contentOf(deedsOf(versions, incident).at(-1)?.version);
  const put = change.changes.map(({ path }) => ({ path, value: valueAt(own, path) }));
  return conflictsOf(contentOf(versions.at(-1)), put);
}

/** Puts what is next of a change that ends by itself. */
export async function putHolding(
  policies: Policies,
  deed: OverlayDeed,
  { kind, changes }: {
    readonly kind: HoldingDeed | "takes back";
    readonly changes: readonly Change[];
  },
): Promise<Put> {
  const newest = (await versionsOf(policies, deed.change)).at(-1);
  const content = applyChanges(contentOf(newest), changes);
  return await next(policies, newest, { ...deed, deed: kind, content });
}

/**
 * Says what became of a change that an incident has kept: a person took it back by the incident, or
 * others have put other values; undefined: it is in force. `versions` are those of its overlay.
 */
export function fateOf(
  versions: readonly PolicyOverlay[],
  { incident, change }: Pick<OverlayDeed, "incident" | "change">,
): { readonly outcome: "reverted" | "overtaken"; readonly by: PolicyOverlay } | undefined {
  const sorted = versions.toSorted((one, other) => one.version - other.version);
  const last = deedsOf(sorted, incident).at(-1);
  if (last?.kind === "takes back") return { outcome: "reverted", by: last.version };
  const forAll = sorted.filter(({ canary }) => canary === undefined);
  const newest = forAll.at(-1);
  const changed = newest === undefined ? [] : changedSince(forAll, { incident, change });
  return newest === undefined || changed.length === 0
    ? undefined
    : { outcome: "overtaken", by: newest };
}

/** Whether anybody else has put a version since. */
export async function overtakenBy(
  policies: Policies,
  change: OverlayChange,
  version: number,
): Promise<PolicyOverlay | undefined> {
  const newest = (await versionsOf(policies, change)).at(-1);
  return newest?.version === version ? undefined : newest;
}

interface Next extends OverlayDeed {
  readonly deed: Deed;
  readonly content: Content;
  readonly canary?: NewOverlay["canary"];
}

/**
 * Puts the version after `newest`. If another one came first, the step that asked is run again: it may
 * have been this incident's own, sent by a node that has died since.
 */
async function next(
  policies: Policies,
  newest: PolicyOverlay | undefined,
  { change, incident, why, nowMs, deed, content, canary, by = HEALER }: Next,
): Promise<Put> {
  const base = newest?.version ?? 0;
  const put = await policies.put(change.namespace, change.name, {
    ...content,
    by,
    reason: `${markOf(incident, deed)}: ${why}`.slice(0, REASON_LENGTH),
    atMs: nowMs,
    ...(canary !== undefined && { canary }),
  }, base);
  return { kind: "put", version: put.version, base };
}

const REASON_LENGTH = 500;

function markOf(incident: string, deed: Deed): string {
  return `Incident ${incident} ${deed}`;
}

function isBy({ reason }: PolicyOverlay, incident: string, deed: Deed): boolean {
  return reason.startsWith(`${markOf(incident, deed)}:`);
}

function putOf({ version }: PolicyOverlay): { readonly version: number; readonly base: number } {
  return { version, base: version - 1 };
}

function conflict(
  newest: PolicyOverlay | undefined,
  why: string,
): { readonly kind: "conflict"; readonly says: string } {
  const { version = 0, by = "nobody" } = newest ?? {};
  return { kind: "conflict", says: `version ${version} by ${by} ${why}` };
}

type Content = Omit<PolicyOverlay, "version" | "by" | "reason" | "atMs" | "canary">;

/** What an overlay says of policies. */
function contentOf(overlay: PolicyOverlay | undefined): Content {
  if (overlay === undefined) return { steps: {} };
  const { version: _version, by: _by, reason: _reason, atMs: _atMs, canary: _canary, ...content } =
    overlay;
  return content;
}

function inverseIn(base: PolicyOverlay | undefined, change: OverlayChange): OverlayChange {
  return { ...change, changes: inverseOf(contentOf(base), change.changes) };
}

async function versionsOf(
  policies: Policies,
  { namespace, name }: OverlayChange,
): Promise<readonly PolicyOverlay[]> {
  const versions = await policies.versions(namespace, name);
  return versions.toSorted((one, other) => one.version - other.version);
}
