/** Handlers of healing: incidents are read out of their tasks, and decided by signals to them. */

import { messageOf, TaskerError } from "../core/errors.ts";
import { foldTurn } from "../core/evolve.ts";
import { HealerFields } from "../core/fields.ts";
import { HEALER_DEFAULTS } from "../core/healing.ts";
import { isTaskId, type TaskId } from "../core/ids.ts";
import {
  APPROVAL,
  chosenOf,
  type Incident,
  INCIDENT_WORKFLOW,
  incidentOfState,
  incidentTag,
  outcomeOf,
  OWN_NAMESPACE,
  SETTINGS_NAME,
} from "../core/incident.ts";
import { encodePayload } from "../core/payload.ts";
import { SYSTEMS_NAMESPACE } from "../core/policy.ts";
import type { PolicyOverlay, TaskSummary } from "../core/ports.ts";
import type { TaskState } from "../core/state.ts";
import { namespaceOf } from "../core/workflow.ts";
import type { HEALING } from "../operations/healing.ts";
import { timeText } from "../operations/schema.ts";
import type { ParsedOf } from "../operations/operation.ts";
import type { Caller } from "./access.ts";
import { badRequest, type Call, commandIdOf, type Handlers, type Services } from "./handler.ts";
import { cursorOf, parseCursor } from "./tasks.ts";

/** Turns of an incident that are read at once; it has about as many. */
const TURNS_PAGE = 200;

/** Journals that are read for a page at least, however small it is, where a filter leaves some out. */
const JOURNALS_MIN = 100;

type Healing = Handlers<typeof HEALING>;

/** Handlers of everything that shows and decides incidents, and sets how far the healer may go. */
export function healingHandlers(services: Services): Healing {
  return {
    ...settingsHandlers(services),
    async listIncidents(input, { caller }) {
      const { incidents, next } = await listIncidents(services, input, caller);
      const body = {
        incidents: (await services.withFates(incidents)).map(summaryOf),
        ...(next !== undefined && { nextCursor: cursorOf(next) }),
      };
      return { status: 200, body };
    },
    async getIncident({ incident }, { caller }) {
      const found = await services.withFates([await find(services, incident, caller)]);
      return { status: 200, body: documentOf(found[0] as Incident) };
    },
    approveProposal: (input, call) => decide(services, input, call, true),
    rejectProposal: (input, call) => decide(services, input, call, false),
    async revertProposal({ incident: id, by, reason }, { caller }) {
      const incident = await find(services, id, caller);
      demandReach(caller, incident);
      const says = await services.revertIncident(incident, { by: caller.signature(by), reason });
      services.log.info("Put back what an incident changed", { id, keyId: caller.keyId });
      return { status: 202, body: { id, says } };
    },
  };
}

function settingsHandlers(
  { policies, runtime, log, settleHealing }: Services,
): Pick<Healing, "getHealing" | "putHealing"> {
  return {
    async getHealing() {
      const versions = await settingsVersions(policies);
      return { status: 200, body: { settings: versions[0]?.settings ?? unset(), versions } };
    },
    async putHealing({ by, reason, expectedVersion, ...change }, { caller }) {
      caller.demandEverything("the settings of the healer");
      if (change.silences?.some(({ fromMs, untilMs }) => fromMs >= untilMs)) {
        throw badRequest("Cannot set the healer: a time of silence ends before it begins");
      }
      const put = async () => {
        const [newest] = await settingsVersions(policies);
        const steps = { "*": { ...newest?.settings ?? unset(), ...change } };
        return await policies.put(OWN_NAMESPACE, SETTINGS_NAME, {
          by: caller.signature(by),
          reason,
          atMs: runtime.now(),
          steps: steps as PolicyOverlay["steps"],
        }, expectedVersion ?? newest?.version ?? 0);
      };
      // Who sets something else in the same moment is not overwritten: it is read, and put again.
      const overlay = await put().catch((error) => {
        if (expectedVersion !== undefined || !isConflict(error)) throw error;
        return put();
      });
      const { version, settings } = settingsDocument(overlay);
      log.info("Set how far the healer may go", { ...settings, keyId: caller.keyId, version });
      // It is set: should this fail, each node takes back at its next look what it owns.
      const takenBack = settings.mode === "on" ? [] : await settleHealing().catch((error) => {
        log.warn("Cannot take back yet what is not decided", { error: messageOf(error) });
        return undefined;
      });
      const body = {
        ...settingsDocument(overlay),
        ...(takenBack && { takenBack: [...takenBack] }),
      };
      return { status: 200, body };
    },
  };
}

function isConflict(error: unknown): boolean {
  return error instanceof TaskerError && error.code === "policy.conflict";
}

/** All versions of the settings, the newest first. */
async function settingsVersions(policies: Services["policies"]) {
  return (await policies.versions(OWN_NAMESPACE, SETTINGS_NAME))
    .toSorted((one, other) => other.version - one.version).map(settingsDocument);
}

function unset() {
  return { ...HEALER_DEFAULTS, silences: [] };
}

function settingsDocument({ version, by, reason, atMs, steps }: PolicyOverlay) {
  const read = HealerFields.safeParse(steps["*"]);
  const settings = read.success ? read.data : { ...unset(), mode: "off" as const };
  return { version, by, reason, at: timeText(atMs), settings };
}

/** Sends what a person decided to the incident; it goes on by itself. */
async function decide(
  services: Services,
  { incident: id, by, reason }: ParsedOf<typeof HEALING["approveProposal"]>,
  call: Call,
  approved: boolean,
) {
  const { caller } = call;
  const incident = await find(services, id, caller);
  const chosen = chosenOf(incident);
  if (incident.phase !== "waiting_for_approval" || chosen === undefined) {
    throw new TaskerError(
      "proposal.not_open",
      `Cannot ${approved ? "approve" : "reject"} the proposal of incident "${id}": it is ` +
        `${incident.phase}, expected waiting_for_approval`,
    );
  }
  if (approved) demandReach(caller, incident);
  const taskId = incident.id as TaskId;
  const payload = { approved, by: caller.signature(by), reason };
  await services.sink.send({
    kind: "SendSignal",
    commandId: commandIdOf(services.runtime, call, APPROVAL, taskId),
    taskId,
    name: APPROVAL,
    payload: encodePayload(payload, "the decision"),
  });
  services.log.info("Decided about a proposal", { id, approved, keyId: caller.keyId });
  return {
    status: 202,
    body: { id, says: approved ? chosen.expected : "nothing is changed" },
  } as const;
}

/**
 * Finds an incident of a workflow that the caller may see; no other exists for it.
 *
 * @throws {TaskerError} task.not_found
 */
async function find(services: Services, id: string, caller: Caller): Promise<Incident> {
  // An id that no task can have is an incident's that does not exist, as another namespace's is.
  const summary = isTaskId(id) ? await services.tasks.findAny(id) : undefined;
  const incident = summary && await incidentIn(services, summary);
  if (incident !== undefined && maySee(caller, incident)) return incident;
  throw new TaskerError("task.not_found", `Cannot find incident "${id}"`);
}

function maySee(caller: Caller, { degradation }: Incident): boolean {
  return caller.covers(namespaceOf(degradation.workflow));
}

/**
 * Who changes a system decides for all namespaces, by a proposal as by its limits.
 *
 * @throws {TaskerError} api.forbidden
 */
function demandReach(caller: Caller, incident: Incident): void {
  const { change } = chosenOf(incident) ?? {};
  if (change?.namespace === SYSTEMS_NAMESPACE) caller.demandEverything("the limits of systems");
}

async function incidentIn(
  { tasks, history }: Pick<Services, "tasks" | "history">,
  summary: TaskSummary,
): Promise<Incident | undefined> {
  if (`${summary.namespace}/${summary.workflow}` !== INCIDENT_WORKFLOW) return undefined;
  const plan = await tasks.planOf(summary);
  let state: TaskState | undefined;
  for (let isLast = false; !isLast;) {
    const page = await history.turns(summary.taskId, state?.turn ?? 0, TURNS_PAGE);
    for (const turn of page.turns) state = foldTurn(summary.taskId, plan, state, turn);
    isLast = page.isLast;
  }
  return state && incidentOfState(state, plan);
}

/**
 * Reads incidents until a page is full, or so many journals were read for it: a page may have fewer than
 * were asked for, or none, and another one after it. Only a filter by phase, or by a step that other
 * workflows have, leaves out what was read.
 */
async function listIncidents(
  services: Services,
  { workflow, step, phase, limit, cursor }: ParsedOf<typeof HEALING["listIncidents"]>,
  caller: Caller,
): Promise<{ readonly incidents: readonly Incident[]; readonly next: TaskId | undefined }> {
  const namespaces = workflow === undefined ? caller.namespaces ?? [undefined] : [undefined];
  const tags = namespaces.map((namespace) =>
    incidentTag({ workflow, step: namespace === undefined ? step : undefined, namespace })
  );
  const incidents: Incident[] = [];
  let after = cursor === undefined ? undefined : parseCursor(cursor);
  for (let read = 0; read < Math.max(limit, JOURNALS_MIN);) {
    const pages = await Promise.all(tags.map((tag) =>
      services.history.tasks({
        namespaces: [OWN_NAMESPACE],
        workflow: INCIDENT_WORKFLOW,
        limit,
        ...(tag !== undefined && { tags: [tag] }),
        ...(phase === "waiting_for_approval" && { states: ["waiting" as const] }),
        ...(after !== undefined && { after }),
      })
    ));
    const found = pages.flatMap((page) => page.tasks).toSorted((one, other) =>
      one.taskId < other.taskId ? 1 : -1
    )
      .slice(0, limit);
    for (const summary of found) {
      after = summary.taskId;
      read++;
      const incident = await incidentIn(services, summary);
      if (incident === undefined || !maySee(caller, incident)) continue;
      if (workflow !== undefined && incident.degradation.workflow !== workflow) continue;
      if (step !== undefined && incident.degradation.step !== step) continue;
      if (phase !== undefined && incident.phase !== phase) continue;
      if (incidents.push(incident) === limit) return { incidents, next: after };
    }
    if (found.length < limit) return { incidents, next: undefined };
  }
  return { incidents, next: after };
}

function summaryOf(incident: Incident) {
  const { id, degradation, phase, finding, startedAtMs, endedAtMs } = {
    ...incident,
    finding: incident.diagnose,
  };
  const chosen = chosenOf(incident);
  const outcome = outcomeOf(incident)?.outcome;
  return {
    id,
    workflow: degradation.workflow,
    step: degradation.step,
    signal: degradation.signal,
    phase,
    ...(finding !== undefined && { failureType: finding.failureType }),
    ...(chosen !== undefined && {
      proposal: { kind: chosen.action.kind, tier: chosen.tier, expected: chosen.expected },
    }),
    ...(outcome !== undefined && { outcome }),
    startedAt: timeText(startedAtMs),
    ...(endedAtMs !== undefined && { endedAt: timeText(endedAtMs) }),
  };
}

function documentOf(incident: Incident) {
  const { id, about, number, phase, degradation, startedAtMs, endedAtMs } = incident;
  const { diagnose, propose, approval, apply, judge, learn, triedPercent } = incident;
  const conclusion = outcomeOf(incident);
  return {
    id,
    about,
    number,
    phase,
    degradation,
    startedAt: timeText(startedAtMs),
    ...(endedAtMs !== undefined && { endedAt: timeText(endedAtMs) }),
    ...(diagnose !== undefined && { finding: diagnose }),
    proposals: propose?.proposals ?? [],
    ...(propose?.chosen !== undefined && { chosen: propose.chosen }),
    notes: propose?.notes ?? [],
    ...(propose?.advice !== undefined && { advice: propose.advice }),
    ...(approval !== undefined && { approval }),
    ...(apply !== undefined && { applied: apply }),
    ...(triedPercent !== undefined && { triedPercent }),
    ...(judge !== undefined && { verdict: judge }),
    ...(conclusion !== undefined && { conclusion }),
    ...(learn !== undefined && { lesson: learn }),
  };
}
