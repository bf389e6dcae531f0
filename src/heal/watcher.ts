/**
 * The watcher: looks at what the steps of workflows do, and starts an incident where one does worse. Each
 * workflow is watched by one node, the owner of the slot of its name; if two did for a moment, both
 * would ask for the same incident, and the key makes it one.
 */

import { messageOf, TaskerError } from "../core/errors.ts";
import {
  type Degradation,
  type Incident,
  INCIDENT_WORKFLOW,
  incidentTags,
  outcomeOf,
  OWN_NAMESPACE,
} from "../core/incident.ts";
import type { HealerSettings } from "../core/healing.ts";
import type { Cancel } from "../core/ports.ts";
import { CellMerger, type StatisticsCell } from "../core/statistics.ts";
import { doesWork, namespaceOf } from "../core/workflow.ts";
import { care } from "./care.ts";
import { detect } from "./detection.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { readIncidents, STARTED_PER_HOUR_MAX } from "./reading.ts";
import { COOLDOWN_WINDOWS, cooldownOf } from "./rules.ts";
import { settingsIn } from "./settings.ts";

/** The span of a window unless said. */
const WINDOW_MS = 60_000;

/** Looks in a window. */
const LOOKS = 4;

/** How far back the measure of a look reaches; and at least, where many steps are watched. */
const KEPT_WINDOWS = 63;
const KEPT_WINDOWS_MIN = 15;

/** Windows that are read again at each look: other nodes may have written late. */
const READ_WINDOWS = 2;

/**
 * Cells in memory; each takes about 2 KiB. With more, those of workflows that are looked at are merged by
 * windows, and as few windows are kept as fit, KEPT_WINDOWS_MIN at least.
 */
const CELLS_MAX = 60_000;

/** Workflows of one look: of more, each is looked at in its turn. */
const WORKFLOWS_PER_LOOK = 250;

/** Incidents that one look starts at most, the clearest first: more are one and the same trouble. */
const STARTED_MAX = 3;

/** After incidents that changed nothing, the next of the same kind comes later, twice as long each time. */
const DOUBLINGS_MAX = 5;

const HOUR_MS = 3_600_000;

/** The hours of other days that a step is compared with. */
const SEASONS_MS = [24 * HOUR_MS, 7 * 24 * HOUR_MS];
const SEASON_HALF_MS = 30 * 60_000;

/** The cells of the steps of a workflow, and when they were read. */
interface Kept {
  readonly cells: readonly StatisticsCell[];
  readonly atMs: number;
}

/** Watches workflows until it is stopped. */
export class Watcher {
  readonly #deps: HealerDeps;
  readonly #windowMs: number;
  readonly #kept = new Map<string, Kept>();
  #cells = 0;
  /** The last look at each workflow, whether or not that went well; looks are counted. */
  readonly #lookedAt = new Map<string, number>();
  #number = 0;
  /** The incidents of the last day, as they were read last. */
  #incidents: readonly Incident[] = [];
  #readAtMs = -Infinity;
  /** Looks since incidents were cared for, and what was set then. */
  #looks = 0;
  #mode: HealerSettings["mode"] | undefined;
  #cancel: Cancel = () => {};
  #isStopped = false;

  constructor(deps: HealerDeps) {
    this.#deps = deps;
    this.#windowMs = deps.windowMs ?? WINDOW_MS;
  }

  /** Looks at once and then again and again. */
  start(): void {
    const again = () => {
      if (this.#isStopped) return;
      this.#cancel = this.#deps.runtime.after(this.#windowMs / LOOKS, look);
    };
    const look = () => void this.#look().catch((error) => this.#failed(error)).then(again);
    again();
  }

  /** Looks no more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  /** One workflow that cannot be looked at holds up no other. */
  #failed(error: unknown, workflow?: string): void {
    this.#deps.log.warn("Cannot look for degradations; looking again later", {
      error: messageOf(error),
      ...(workflow !== undefined && { workflow }),
    });
  }

  async #look(): Promise<void> {
    const { policies, runtime } = this.#deps;
    const { mode } = settingsIn(await policies.newest());
    const nowMs = runtime.now();
    await this.#care(mode).catch((error) => this.#failed(error));
    if (mode === "off") return;
    // Where one is open, it may have ended since: until it is known to have, nothing is looked for.
    const isOpen = this.#incidents.some(({ endedAtMs }) => endedAtMs === undefined);
    if (isOpen || this.#readAtMs === -Infinity) await this.#readAgain(nowMs);
    const found: Degradation[] = [];
    for (const workflow of await this.#active(nowMs)) {
      const seen = this.#lookAt(workflow, nowMs);
      found.push(...await seen.catch((error) => this.#failed(error, workflow)) ?? []);
    }
    const inHour = this.#incidents.filter((one) => one.startedAtMs > nowMs - HOUR_MS).length;
    const most = Math.min(STARTED_MAX, STARTED_PER_HOUR_MAX - inHour);
    const clearest = found.toSorted((one, other) => one.chance - other.chance);
    let started = 0;
    for (const degradation of clearest) {
      if (started >= most) break;
      const begun = this.#begin(degradation, nowMs);
      if (await begun.catch((error) => this.#failed(error, degradation.workflow))) started++;
    }
  }

  /** At the first look, once in a window, and at once when healing is switched off. */
  async #care(mode: HealerSettings["mode"]): Promise<void> {
    const isSwitched = mode !== this.#mode;
    if (!isSwitched && ++this.#looks < LOOKS) return;
    await care(this.#deps);
    [this.#looks, this.#mode] = [0, mode];
  }

  /**
   * Workflows that did something lately and that this node watches, those first that were looked at longest
   * ago; never Tasker's own.
   */
  async #active(nowMs: number): Promise<readonly string[]> {
    const { isWatched } = this.#deps;
    const sinceMs = nowMs - 5 * this.#windowMs;
    const active = await this.#deps.active({ sinceMs, untilMs: nowMs });
    const names = new Set(
      active.filter((name) => namespaceOf(name) !== OWN_NAMESPACE && isWatched(name)),
    );
    for (const name of this.#lookedAt.keys()) if (!names.has(name)) this.#forget(name);
    const lookedAt = (name: string) => this.#lookedAt.get(name) ?? 0;
    const next = [...names].toSorted((one, other) => lookedAt(one) - lookedAt(other))
      .slice(0, WORKFLOWS_PER_LOOK);
    this.#number++;
    for (const name of next) this.#lookedAt.set(name, this.#number);
    return next;
  }

  #forget(workflow: string): void {
    this.#lookedAt.delete(workflow);
    this.#cells -= this.#kept.get(workflow)?.cells.length ?? 0;
    this.#kept.delete(workflow);
  }

  async #lookAt(workflow: string, nowMs: number): Promise<readonly Degradation[]> {
    const plan = this.#deps.plans.find(workflow);
    if (plan === undefined) return [];
    const cells = await this.#cellsOf(workflow, nowMs);
    const bySteps = Map.groupBy(cells, ({ step }) => step);
    const found: Degradation[] = [];
    for (const { name, definition } of plan.steps) {
      const own = bySteps.get(name);
      if (own === undefined || !doesWork(definition.kind)) continue;
      const isAboutIt = (incident: Incident) => isAbout(incident, { workflow, step: name });
      if (this.#incidents.some((one) => one.endedAtMs === undefined && isAboutIt(one))) continue;
      const look = { nowMs, windowMs: this.#windowMs, cells: own, ill: this.#ill(workflow, name) };
      if (detect({ ...look, seasons: [] }) === undefined) continue;
      const seasons = await this.#seasonsOf({ workflow, step: name }, nowMs);
      const degradation = detect({ ...look, seasons });
      if (degradation !== undefined) found.push({ workflow, step: name, ...degradation });
    }
    return found;
  }

  /** The cells of the last hour: what is known is kept, and the newest are read again. */
  async #cellsOf(workflow: string, nowMs: number): Promise<readonly StatisticsCell[]> {
    const windowMs = this.#windowMs;
    const share = Math.min(1, CELLS_MAX / this.#cells);
    const windows = Math.max(KEPT_WINDOWS_MIN, Math.floor(KEPT_WINDOWS * share));
    const sinceMs = nowMs - windows * windowMs;
    const known = this.#kept.get(workflow);
    const fromMs = known === undefined
      ? sinceMs
      : Math.max(sinceMs, Math.min(nowMs - READ_WINDOWS * windowMs, known.atMs - windowMs));
    const read = await this.#deps.statistics.read({ workflow, sinceMs: fromMs, untilMs: nowMs });
    const firstMs = Math.min(fromMs, ...read.map((cell) => cell.fromMs));
    const before = known?.cells.filter((one) => one.fromMs >= sinceMs && one.fromMs < firstMs) ??
      [];
    const all = [...before, ...read.filter(({ step }) => step !== undefined)];
    const cells = share < 1 ? this.#merged(all, nowMs) : all;
    this.#cells += cells.length - (known?.cells.length ?? 0);
    this.#kept.set(workflow, { cells, atMs: nowMs });
    return cells;
  }

  /** Merges cells by windows, but for those that are read again: they would be counted twice. */
  #merged(cells: readonly StatisticsCell[], nowMs: number): readonly StatisticsCell[] {
    const windowMs = this.#windowMs;
    const merger = new CellMerger({ originMs: 0, everyMs: windowMs, cellsMax: Infinity });
    const readAgainMs = nowMs - READ_WINDOWS * windowMs;
    for (const cell of cells) if (cell.fromMs < readAgainMs) merger.add(cell);
    return [...merger.cells(), ...cells.filter(({ fromMs }) => fromMs >= readAgainMs)];
  }

  async #seasonsOf(
    of: Pick<Degradation, "workflow" | "step">,
    nowMs: number,
  ): Promise<readonly (readonly StatisticsCell[])[]> {
    const seasons = [];
    for (const agoMs of SEASONS_MS) {
      const sinceMs = nowMs - agoMs - SEASON_HALF_MS;
      const cells = await this.#deps.statistics.read({
        ...of,
        sinceMs,
        untilMs: sinceMs + 2 * SEASON_HALF_MS,
      });
      seasons.push(cells.filter(({ step }) => step === of.step));
    }
    return seasons;
  }

  /** When a step was known to do badly. */
  #ill(workflow: string, step: string) {
    return this.#incidents.flatMap((incident) => {
      if (!isAbout(incident, { workflow, step })) return [];
      const fromMs = incident.degradation.sinceMs - this.#windowMs;
      const windows = isIdle(incident) ? KEPT_WINDOWS : illAfter(outcomeOf(incident)?.outcome);
      return [{ fromMs, untilMs: (incident.endedAtMs ?? Infinity) + windows * this.#windowMs }];
    });
  }

  /** Starts an incident unless one about the step is open, or ended just now. */
  async #begin(degradation: Degradation, nowMs: number): Promise<boolean> {
    await this.#readAgain(nowMs);
    const own = this.#incidents.filter((incident) => isAbout(incident, degradation));
    if (own.some((incident) => this.#isInTheWay(incident, degradation, nowMs))) return false;
    const about = [degradation.workflow, degradation.step, degradation.signal].join(" ");
    const number = own.length + 1;
    const { workflow, step, signal } = degradation;
    const named = `${about} #${number} ${own[0]?.id ?? ""}`.trim();
    // Cut, the keys of two incidents could be the same.
    const key = named.length <= KEY_LENGTH ? named : this.#deps.runtime.digest(named);
    const request = {
      workflow: INCIDENT_WORKFLOW,
      input: { about, number, degradation },
      tags: [...incidentTags(degradation), signal],
      key,
      commandId: key,
    };
    try {
      const { taskId } = await this.#deps.starter.start(request);
      this.#deps.log.warn("A step does worse than it did", {
        incident: taskId,
        workflow,
        step,
        signal,
      });
      this.#readAtMs = -Infinity;
      return true;
    } catch (error) {
      // Another node was first, with other figures.
      if (error instanceof TaskerError && error.code === "journal.conflict") return false;
      throw error;
    }
  }

  /** Whether nothing is to be started: one is open, or just changed the step, or could do nothing. */
  #isInTheWay(incident: Incident, { signal }: Degradation, nowMs: number): boolean {
    const { endedAtMs, degradation } = incident;
    if (endedAtMs === undefined) return true;
    if (isIdle(incident) && degradation.signal !== signal) return false;
    const idle =
      this.#incidents.filter((one) =>
        isIdle(one) && isAbout(one, degradation) && one.degradation.signal === signal
      ).length;
    const windows = isIdle(incident)
      ? 2 ** Math.min(idle - 1, DOUBLINGS_MAX)
      : cooldownOf(incident);
    return endedAtMs + windows * this.#windowMs > nowMs;
  }

  async #readAgain(nowMs: number): Promise<void> {
    if (this.#readAtMs + this.#windowMs / 2 > nowMs) return;
    this.#incidents = await readIncidents(this.#deps, { nowMs });
    this.#readAtMs = nowMs;
  }
}

/** Characters of a task's key. */
const KEY_LENGTH = 200;

/**
 * Windows after an incident that are no measure: what nobody could heal, or what comes back once a change
 * has ended by itself, is not to become what is usual before it is looked at again.
 */
function illAfter(outcome: string | undefined): number {
  return outcome === "released" ? KEPT_WINDOWS / 2 : COOLDOWN_WINDOWS + 2;
}

/** Whether an incident ended without having changed anything for good. */
function isIdle(incident: Incident): boolean {
  if (incident.endedAtMs === undefined) return false;
  const outcome = outcomeOf(incident)?.outcome ?? "not_applied";
  return outcome === "not_applied" || outcome === "reverted";
}

function isAbout(
  { degradation }: Incident,
  { workflow, step }: Pick<Degradation, "workflow" | "step">,
): boolean {
  return degradation.workflow === workflow && degradation.step === step;
}
