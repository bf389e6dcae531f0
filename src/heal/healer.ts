/** The healer of a node: the workflow of incidents, and who starts them. */

import { assert, TaskerError } from "../core/errors.ts";
import { actionOf } from "../core/healing_action.ts";
import { parseTaskId, type TaskId } from "../core/ids.ts";
import { chosenOf, type Incident } from "../core/incident.ts";
import type { WorkflowModule } from "../core/workflow_module.ts";
import { care, sendApproval } from "./care.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { type IncidentSteps, incidentWorkflow } from "./incident.ts";
import { openIncidentSteps } from "./incident_steps.ts";
import { takeBack } from "./overlay_change.ts";
import { withFates } from "./reading.ts";
import { Watcher } from "./watcher.ts";

/**
 * A healer. Its workflow is loaded with all others, before there is an engine; `open` gives it what it
 * works with, and until then no incident runs.
 */
export class Healer {
  readonly module: WorkflowModule;
  #deps: HealerDeps | undefined;
  #steps: IncidentSteps | undefined;
  #watcher: Watcher | undefined;

  constructor() {
    this.module = incidentWorkflow(() => {
      assert(this.#steps !== undefined, "The healer runs before it is opened");
      return this.#steps;
    });
  }

  /** Begins to watch. */
  open(deps: HealerDeps): void {
    this.#deps = deps;
    this.#steps = openIncidentSteps(deps);
    this.#watcher = new Watcher(deps);
    this.#watcher.start();
  }

  /**
   * Takes back what an incident has changed, or proposes, for a person.
   *
   * @throws {TaskerError} proposal.not_open
   */
  revert(
    incident: Incident,
    who: { readonly by: string; readonly reason: string },
  ): Promise<string> {
    assert(this.#deps !== undefined, "The healer is asked before it is opened");
    return revertIncident(this.#deps, incident, who);
  }

  /** Adds to incidents what became of their changes after they had ended. */
  async withFates(incidents: readonly Incident[]): Promise<readonly Incident[]> {
    assert(this.#deps !== undefined, "The healer is asked before it is opened");
    return await withFates(this.#deps.policies, incidents);
  }

  /**
   * Takes back what incidents have not decided yet, if healing is switched off. Returns their ids.
   *
   * @throws {TaskerError} journal.unavailable; each node does it soon by itself
   */
  settle(): Promise<readonly string[]> {
    assert(this.#deps !== undefined, "The healer is asked before it is opened");
    return care(this.#deps, { ofAll: true });
  }

  /** Looks no more; incidents go on on the nodes that own them. */
  close(): void {
    this.#watcher?.stop();
  }
}

/**
 * Puts back what an incident has changed, or withdraws what it proposes as long as that is not decided; safe
 * to repeat. Returns what was done, for people.
 *
 * @throws {TaskerError} proposal.not_open when it changed nothing, or others have changed it since
 */
export async function revertIncident(
  deps: Pick<HealerDeps, "policies" | "runtime" | "sink">,
  incident: Incident,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<string> {
  const { id, apply } = incident;
  const taskId = id as TaskId;
  const chosen = chosenOf(incident);
  const refused = (why: string) =>
    new TaskerError("proposal.not_open", `Cannot revert incident "${id}": ${why}`);
  if (apply === undefined && incident.phase !== "failed") {
    const answer = { approved: false, by, reason: reason || "withdrawn before it was decided" };
    if (await sendApproval(deps, { taskId, name: "withdraw", answer })) {
      return "its proposal; nothing is changed";
    }
    throw refused(
      "its change was approved and is being put now, expected one that was put; " +
        "ask again in a few seconds",
    );
  }
  if (apply?.isApplied !== true || chosen === undefined) {
    throw refused("it has changed nothing, expected a change that was applied");
  }
  const action = actionOf(chosen.action);
  if (action?.kind === "quarantine_task") {
    const poison = parseTaskId(action.taskId);
    const commandId = `${id}/resume`;
    await deps.sink.send({ kind: "ResumeTask", commandId, taskId: poison, by, reason });
    return `task ${poison} goes on`;
  }
  const { change } = chosen;
  if (change === undefined) throw refused("it has changed nothing that could be put back");
  const nowMs = deps.runtime.now();
  const why = reason === "" ? "a person takes it back" : reason;
  const put = await takeBack(deps.policies, { incident: id, change, why, nowMs, by });
  if (put.kind === "conflict") throw refused(put.says);
  return `version ${put.version} has the values of before`;
}
