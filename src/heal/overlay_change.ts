/**
 * Overlay changes of an incident: put, kept and taken back, each exactly once. A version that an incident
 * puts says so in its reason, so a step that is run again finds what it has done, and what has become of
 * it; what others have put since is never overwritten.
 */

import type { Change, OverlayChange } from "../core/healing.ts";
import type { NewOverlay, Policies, PolicyOverlay } from "../core/ports.ts";
import { applyChanges, conflictsOf, inverseOf, valueAt } from "./changes.ts";

/** Who puts the versions of healing. */
export const HEALER = "tasker";

const DEEDS = [
  ...["tries", "widens", "raises", "lowers", "changes", "keeps", "takes back"] as const,
  ...["lets through", "holds on", "ends"] as const,
];

/** What an incident does to an overlay. The last three are of a change that ends by itself. */
type Deed = (typeof DEEDS)[number];

/** An incident's change of an overlay. */
export interface OverlayDeed {
  readonly incident: string;
  readonly change: OverlayChange;
  readonly why: string;
  readonly nowMs: number;
  /** Who does it; absent: the healer. */
  readonly by?: string;
}

/** Whose change of which overlay. */
export type OfIncident = Pick<OverlayDeed, "incident" | "change">;

/** What came of it. */
export type Put =
  | { readonly kind: "put"; readonly version: number; readonly base: number }
  | Conflict;

/** Others have changed the same since, or are trying something: nothing was put. */
export interface Conflict {
  readonly kind: "conflict";
  readonly says: string;
}

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
  const own = deedsOf(versions, incident)[0];
  if (own !== undefined) {
    return { kind: "put", ...putOf(own.version), inverse: inverseIn(versions, deed) };
  }
  const newest = versions.at(-1);
  if (newest?.canary !== undefined) return conflict(newest, "is tried by a share of the tasks");
  const changed = conflictsOf(contentOf(newest), expected?.changes ?? []);
  if (changed.length > 0) return conflict(newest, `has other values of ${changed.join(", ")}`);
  const inverse = { ...change, changes: inverseOf(contentOf(newest), change.changes) };
  const put = await next(policies, newest, {
    ...deed,
    deed: percent === undefined ? "changes" : "tries",
    content: applyChanges(contentOf(newest), change.changes),
    ...(percent !== undefined && { canary: { percent, salt: incident } }),
  });
  return { ...put, inverse };
}

/** Lets a greater share of the tasks try what a share tries; those that do go on. */
export async function widen(policies: Policies, deed: OverlayDeed, percent: number): Promise<Put> {
  const versions = await versionsOf(policies, deed.change);
  const newest = versions.at(-1);
  const last = deedsOf(versions, deed.incident).at(-1);
  if (last === undefined || last.version !== newest) return conflict(newest, "was put since");
  if ((newest.canary?.percent ?? 100) >= percent) return { kind: "put", ...putOf(newest) };
  return await next(policies, newest, {
    ...{ ...deed, deed: "widens", content: contentOf(newest) },
    canary: { percent, salt: deed.incident },
  });
}

/** Lets those that try a change try other values: `raises` or `lowers` them. */
export async function tryOther(
  policies: Policies,
  { kind, ...deed }: OverlayDeed & { readonly kind: "raises" | "lowers" },
  changes: readonly Change[],
): Promise<Put> {
  const versions = await versionsOf(policies, deed.change);
  const newest = versions.at(-1);
  const last = deedsOf(versions, deed.incident).at(-1);
  if (last === undefined || last.version !== newest || newest.canary === undefined) {
    return conflict(newest, "was put since");
  }
  return await next(policies, newest, {
    ...{ ...deed, deed: kind, content: applyChanges(contentOf(newest), changes) },
    canary: { percent: newest.canary.percent, salt: deed.incident },
  });
}

/** Lets all tasks have what a share of them has tried. */
export async function keepChange(policies: Policies, deed: OverlayDeed): Promise<Put> {
  const versions = await versionsOf(policies, deed.change);
  const last = deedsOf(versions, deed.incident).at(-1);
  if (last?.kind === "keeps") return { kind: "put", ...putOf(last.version) };
  const newest = versions.at(-1);
  if (last === undefined || last.version !== newest) return conflict(newest, "was put since");
  return await next(policies, newest, { ...deed, deed: "keeps", content: contentOf(newest) });
}

/**
 * Takes a change back, whatever it is that others try meanwhile: what a share of the tasks has tried, or
 * the values of before, as far as they are still those that the incident put.
 */
export async function takeBack(policies: Policies, deed: OverlayDeed): Promise<Put> {
  const versions = await versionsOf(policies, deed.change);
  const own = deedsOf(versions, deed.incident).find(({ kind }) => kind === "takes back");
  if (own !== undefined) return { kind: "put", ...putOf(own.version) };
  const refused = conflictIn(versions, deed);
  if (refused !== undefined) return refused;
  const content = applyChanges(settledIn(versions, deed), inverseIn(versions, deed).changes);
  return await next(policies, versions.at(-1), { ...deed, deed: "takes back", content });
}

/** How an incident's change stands. */
export type Standing =
  | Conflict
  | {
    /** What was done last; `nothing`: nothing was put. */
    readonly kind: Deed | "nothing";
    /** Who did it, why, when, and in which version. */
    readonly by: string;
    readonly says: string;
    readonly atMs: number;
    readonly version: number;
    /** The share that tries it; absent: it is for all. */
    readonly percent: number | undefined;
    /** The versions under which tasks try the values of now, and since when. */
    readonly tried: readonly Pick<PolicyOverlay, "version" | "atMs">[];
    /** The same, with those of the values that were tried before. */
    readonly everTried: readonly Pick<PolicyOverlay, "version" | "atMs">[];
    /** How often those that try it were given other values. */
    readonly others: number;
    /** What it has put last. */
    readonly values: readonly Change[];
    /** How often it was put again. */
    readonly renewals: number;
    /** Another incident, or a person, lets a share of the tasks try something. */
    readonly isBusy: boolean;
  };

/** Reads how an incident's change stands; a conflict: others have put other values since. */
export async function standingOf(policies: Policies, of: OfIncident): Promise<Standing> {
  const versions = await versionsOf(policies, of.change);
  const deeds = deedsOf(versions, of.incident);
  const [last, newest] = [deeds.at(-1), versions.at(-1)];
  if (last?.kind !== "takes back") {
    const refused = last && conflictIn(versions, of);
    if (refused !== undefined) return refused;
  }
  const { by = "", reason = "", atMs = 0, version = 0, canary } = last?.version ?? {};
  const triedIn = (of: typeof deeds) =>
    of.flatMap(({ kind, version }) => isTrial(kind) ? [version] : []);
  return {
    ...{ kind: last?.kind ?? "nothing", by, atMs, version, percent: canary?.percent },
    says: reason.slice(reason.indexOf(": ") + 2),
    tried: triedIn(deeds.slice(Math.max(0, deeds.findLastIndex(({ kind }) => isOther(kind))))),
    everTried: triedIn(deeds),
    others: deeds.filter(({ kind }) => isOther(kind)).length,
    values: valuesPut(versions, of),
    renewals: deeds.filter(({ kind }) => kind === "holds on").length,
    isBusy: newest?.canary !== undefined && newest !== last?.version,
  };
}

/** Says who took a change back, and why. */
export function takenText({ by, says, version }: Exclude<Standing, Conflict>): string {
  return by === HEALER ? says : `${says}, by ${by} with version ${version}`;
}

/** Puts what is next of a change that ends by itself. */
export async function putHolding(
  policies: Policies,
  deed: OverlayDeed,
  { kind, changes }: {
    readonly kind: "lets through" | "holds on" | "ends";
    readonly changes: readonly Change[];
  },
): Promise<Put> {
  const newest = (await versionsOf(policies, deed.change)).at(-1);
  if (newest?.canary !== undefined) return conflict(newest, "is tried by a share of the tasks");
  const content = applyChanges(contentOf(newest), changes);
  return await next(policies, newest, { ...deed, deed: kind, content });
}

/**
 * Says what became of a change that an incident has kept: a person took it back by the incident, or
 * others have put other values; undefined: it is in force. `versions` are those of its overlay.
 */
export function fateOf(
  versions: readonly PolicyOverlay[],
  of: OfIncident,
): { readonly outcome: "reverted" | "overtaken"; readonly by: PolicyOverlay } | undefined {
  const sorted = versions.toSorted((one, other) => one.version - other.version);
  const last = deedsOf(sorted, of.incident).at(-1);
  if (last?.kind === "takes back") return { outcome: "reverted", by: last.version };
  const newest = sorted.findLast(({ canary }) => canary === undefined);
  return newest === undefined || changedSince(sorted, of).length === 0
    ? undefined
    : { outcome: "overtaken", by: newest };
}

/** The share of the tasks that tries an incident's change, in percent; undefined: none tries it now. */
export function triedPercentOf(
  versions: readonly PolicyOverlay[],
  incident: string,
): number | undefined {
  const sorted = versions.toSorted((one, other) => one.version - other.version);
  const last = deedsOf(sorted, incident).at(-1);
  return last !== undefined && isTrial(last.kind) ? last.version.canary?.percent : undefined;
}

/** What an incident has put, the first first. */
function deedsOf(versions: readonly PolicyOverlay[], incident: string) {
  return versions.flatMap((version) => {
    const kind = DEEDS.find((deed) => version.reason.startsWith(`${markOf(incident, deed)}:`));
    return kind === undefined ? [] : [{ kind, version }];
  });
}

function isTrial(deed: Deed): boolean {
  return deed === "tries" || deed === "widens" || isOther(deed);
}

function isOther(deed: Deed): boolean {
  return deed === "raises" || deed === "lowers";
}

/** Why what an incident has put is not its own any more; undefined: it is. */
function conflictIn(versions: readonly PolicyOverlay[], of: OfIncident): Conflict | undefined {
  const [last, newest] = [deedsOf(versions, of.incident).at(-1), versions.at(-1)];
  if (last === undefined) return conflict(newest, "has nothing of it");
  // Whoever puts a policy for all ends what a share tries.
  if (isTrial(last.kind) && last.version !== newest) return conflict(newest, "was put since");
  const changed = changedSince(versions, of);
  if (changed.length === 0) return undefined;
  return conflict(newest, `has other values of ${changed.join(", ")}`);
}

/** Where the values are no longer those that the incident put last. */
function changedSince(versions: readonly PolicyOverlay[], of: OfIncident): readonly string[] {
  return conflictsOf(settledIn(versions, of), valuesPut(versions, of));
}

/** The values of a change in the version that the incident put last. */
function valuesPut(versions: readonly PolicyOverlay[], of: OfIncident): readonly Change[] {
  const own = contentOf(deedsOf(versions, of.incident).at(-1)?.version);
  return of.change.changes.map(({ path }) => ({ path, value: valueAt(own, path) }));
}

/** What tasks are under that try nothing but what the incident itself lets them try. */
function settledIn(versions: readonly PolicyOverlay[], { incident }: OfIncident): Content {
  const newest = versions.at(-1);
  const isOwn = deedsOf(versions, incident).at(-1)?.version === newest;
  if (newest?.canary === undefined || isOwn) return contentOf(newest);
  return { ...contentOf(newest), steps: newest.canary.base.steps };
}

/** What puts back the values from before the incident's first version. */
function inverseIn(
  versions: readonly PolicyOverlay[],
  { incident, change }: OfIncident,
): OverlayChange {
  const first = deedsOf(versions, incident)[0]?.version.version ?? 0;
  const base = versions.find(({ version }) => version === first - 1);
  return { ...change, changes: inverseOf(contentOf(base), change.changes) };
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

function putOf({ version }: PolicyOverlay): { readonly version: number; readonly base: number } {
  return { version, base: version - 1 };
}

function conflict(newest: PolicyOverlay | undefined, why: string): Conflict {
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

async function versionsOf(
  policies: Policies,
  { namespace, name }: OverlayChange,
): Promise<readonly PolicyOverlay[]> {
  const versions = await policies.versions(namespace, name);
  return versions.toSorted((one, other) => one.version - other.version);
}
