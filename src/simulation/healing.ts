/** Healing in a simulation: the healer of a server, and a person who approves what it asks about. */

import type { Incident } from "../core/incident.ts";
import { APPROVAL, chosenOf, INCIDENT_WORKFLOW, incidentOf } from "../core/incident.ts";
import type { TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import type { Starter } from "../core/ports.ts";
import type { SystemDirectory } from "../core/system_directory.ts";
import { Healer } from "../heal/healer.ts";
import type { HealerDeps } from "../heal/healer_deps.ts";
import { Statistics } from "../heal/statistics.ts";
import { MemoryAttendance, MemoryStatistics } from "../journal/memory_stores.ts";
import type { Registry } from "../registry/workflows.ts";
import { openHealing } from "../server/healing.ts";
import type { Simulation } from "../server/simulation.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { SILENT_LOG } from "../telemetry/log.ts";

/** How long a person takes to answer. */
const APPROVAL_MS = 5 * 60_000;

/** Who answers. */
export const PERSON = "a person";

/** How long statistics are kept; longer than any run. */
const RETENTION_MS = 30 * 24 * 3_600_000;

/** The healer of a world. Its module is loaded with the others; then it is opened. */
export class SimulatedHealing {
  readonly #healer = new Healer();
  readonly #taskIds = new Set<TaskId>();
  readonly #asked = new Set<TaskId>();
  readonly module = this.#healer.module;
  /** What steps and tasks did; the healer watches it. */
  readonly statistics = new MemoryStatistics();

  /** How often a person was needed: to approve, or for what only people can change. */
  get asked(): number {
    return this.#asked.size;
  }

  /** Begins to watch. */
  open(
    of: Simulation & {
      readonly registry: Registry;
      readonly starter: Starter;
      readonly directory: SystemDirectory;
      readonly adviser: HealerDeps["adviser"];
    },
  ): void {
    const { runtime, engine, journal, policies, registry, starter, directory, adviser } = of;
    const store = this.statistics;
    new Statistics({
      feed: engine.supervisor,
      store,
      runtime,
      log: SILENT_LOG,
      retentionMs: RETENTION_MS,
      isMine: () => true,
      metrics: new Metrics(),
    });
    engine.supervisor.subscribe(({ taskId, plan }) => {
      if (plan.workflow === INCIDENT_WORKFLOW) this.#taskIds.add(taskId);
    });
    openHealing(this.#healer, {
      runtime,
      log: SILENT_LOG,
      engine,
      plans: registry,
      policies,
      statistics: store,
      attendance: new MemoryAttendance(),
      tasks: journal,
      starter,
      directory,
      adviser,
    });
  }

  /** Answers for a person: approves what has waited for some minutes, and refuses what would be wrong. */
  async answer(
    { runtime, engine, journal, registry, forbidden }: Simulation & {
      readonly registry: Registry;
      readonly forbidden: readonly string[];
    },
  ) {
    for (const incident of this.incidents({ journal, registry })) {
      const taskId = incident.id as TaskId;
      if (this.#asked.has(taskId)) continue;
      if (chosenOf(incident)?.tier === "T3") this.#asked.add(taskId);
      const isDue = runtime.now() - incident.startedAtMs >= APPROVAL_MS;
      if (incident.phase !== "waiting_for_approval" || !isDue) continue;
      this.#asked.add(taskId);
      const isWrong = forbidden.includes(chosenOf(incident)?.action.kind ?? "");
      const payload = isWrong
        ? { approved: false, by: PERSON, reason: "it would be wrong here" }
        : { approved: true, by: PERSON, reason: "it looks right" };
      await engine.router.send({
        kind: "SendSignal",
        taskId,
        commandId: runtime.uuid(),
        name: APPROVAL,
        payload: encodePayload(payload, "the approval"),
      });
    }
  }

  /** All incidents, the first first. */
  incidents(
    { journal, registry }: Pick<Simulation, "journal"> & { readonly registry: Registry },
  ): readonly Incident[] {
    const plan = registry.find(INCIDENT_WORKFLOW);
    return [...this.#taskIds].flatMap((taskId) => {
      const turns = journal.turns(taskId);
      const summary = { taskId } as Parameters<typeof incidentOf>[0]["summary"];
      return plan && turns.length > 0 ? incidentOf({ summary, turns }, plan) ?? [] : [];
    });
  }

  close(): void {
    this.#healer.close();
  }
}
