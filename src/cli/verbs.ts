/** All verbs: one for each operation, and those that do more than send one. */

import {
  type Accepted,
  ClientError,
  type OperationName,
  type OperationResult,
  type Task,
  type WorkflowSummary,
} from "../client.ts";
import { nearestOf } from "../core/nearest.ts";
import { isTerminal } from "../core/state.ts";
import { OPERATIONS } from "../operations/table.ts";
import { deployVerb, HISTORY, REVERT, SOURCE } from "./deploy.ts";
import { diagnosisLines } from "./diagnosis_lines.ts";
import { doctor } from "./doctor.ts";
import { ARMS } from "./arms.ts";
import { BULK } from "./bulk.ts";
import { RESEND } from "./resend.ts";
import { check } from "./check.ts";
import { suggest } from "./suggest.ts";
import { CommandError } from "./failure.ts";
import { dateText, tableLines } from "./format.ts";
import { type AnswerView, operationVerb, type VerbExtra } from "./operation_verb.ts";
import { incidentLines, incidentListLines, proposalListLines } from "./incident_lines.ts";
import { eventsVerb } from "./events.ts";
import { exportVerb } from "./export.ts";
import { importVerb } from "./import.ts";
import { generateVerb } from "./generate.ts";
import { rehearseVerb } from "./rehearse.ts";
import { replay } from "./replay.ts";
import { systemDetailLines, systemLines } from "./system_lines.ts";
import {
  auditLines,
  breakLines,
  countLines,
  deadLetterLines,
  deadLines,
  doneLines,
  journalLines,
  listLines,
  nodeLines,
  workflowLines,
  workflowListLines,
} from "./result_lines.ts";
import { outputLines, taskLines } from "./task_lines.ts";
import {
  EXIT_DONE,
  EXIT_FAILED,
  show,
  TASKER,
  UsageError,
  type Verb,
  type VerbContext,
} from "./verb.ts";
import { triggerLines, webhookLines } from "./event_lines.ts";
import { OPTIMISE } from "./optimise.ts";
import { STATS, SYSTEM_STATS } from "./stats.ts";
import { healingLines, limitLines, policyLines } from "./version_lines.ts";
import { WHATIF } from "./whatif.ts";
import { timeoutOf, watch, WATCH_TIMEOUT, watchTask } from "./watch.ts";

/** What verbs do beyond sending their operation and showing its fields. */
const EXTRAS: { readonly [Name in OperationName]?: VerbExtra<Name> } = {
  startTask: {
    summary: "Starts a task; the same --key and input give the same task",
    defaults: { input: {} },
    options: {
      watch: { summary: "Follows the task to its end" },
      timeout: { ...WATCH_TIMEOUT, summary: "How long to watch: 30s, 10m" },
    },
    run: startTask,
  },
  getTask: { summary: "Shows a task, its steps and its journal", run: showTask },
  listTasks: { lines: (tasks, { paint }) => listLines(tasks, paint) },
  countTasks: { lines: ({ states }, { paint }) => countLines(states, paint) },
  changeTasks: BULK,
  diagnoseTask: {
    lines: (diagnosis, { paint, input: { id } }) => diagnosisLines(diagnosis, id, paint),
  },
  getJournal: { lines: (entries, { paint }) => journalLines(entries, paint) },
  cancelTask: { lines: accepted(({ id }) => `Task ${id} is being cancelled`) },
  pauseTask: { lines: accepted(({ id }) => `Task ${id} is paused`) },
  resumeTask: { lines: accepted(({ id }) => `Task ${id} goes on`) },
  sendSignal: {
    defaults: { payload: null },
    lines: accepted(({ id, name }) => `Task ${id} received signal ${name}`),
  },
  retryStep: { lines: accepted(({ id, step }) => `Step ${step} of task ${id} is tried again`) },
  resolveStep: { lines: accepted(({ id, step }) => `Step ${step} of task ${id} is resolved`) },
  chooseStep: { lines: accepted(({ step, choice }) => `Step ${step} goes on with ${choice}`) },
  forkTask: { lines: forkLines },
  skipStep: { lines: accepted(({ id, step }) => `Step ${step} of task ${id} is skipped`) },
  listSystems: { lines: ({ systems }, { paint }) => systemLines(systems, paint) },
  compareVersions: {
    summary:
      "Says what a version of a workflow breaks for those who rely on another one; exit code 1 " +
      "when something breaks",
    run: compareVersions,
  },
  getPolicy: { lines: (policy, { paint }) => policyLines(policy, paint) },
  getSystemLimits: { lines: (limits, { paint }) => limitLines(limits, paint) },
  getHealing: { lines: (healing, { paint }) => healingLines(healing, paint) },
  compareArms: ARMS,
  optimiseWorkflow: OPTIMISE,
  whatifWorkflow: WHATIF,
  getStatistics: STATS,
  getSystemStatistics: SYSTEM_STATS,
  listNodes: { lines: ({ nodes }, { paint }) => nodeLines(nodes, paint) },
  getIncident: { lines: (incident, { paint }) => incidentLines(incident, paint) },
  approveProposal: { lines: ({ says }) => [`Approved: ${says}`] },
  rejectProposal: { lines: ({ says }) => [`Rejected: ${says}`] },
  revertProposal: { lines: ({ says }) => [`Taken back: ${says}`] },
  getSystem: { lines: (system, { paint }) => systemDetailLines(system, paint) },
  registerInstance: {
    lines: (_, { input: { system, instance } }) => [`${instance} of ${system} is registered`],
  },
  removeInstance: {
    lines: (_, { input: { system, instance } }) => [`${instance} of ${system} is gone`],
  },
  revertWorkflow: REVERT,
  workflowSource: SOURCE,
  deployHistory: HISTORY,
  getWorkflow: { lines: (workflow, { paint }) => workflowLines(workflow, paint) },
  listWebhooks: { lines: ({ webhooks }, { paint }) => webhookLines(webhooks, paint) },
  listTriggers: { lines: ({ triggers }, { paint }) => triggerLines(triggers, paint) },
  removeWebhook: { lines: (_, { input: { name } }) => [`Webhook ${name} is removed`] },
  resendDeliveries: RESEND,
  testWebhook: { lines: ({ id }) => [`Sent: ${TASKER} show ${id} says what came of it`] },
  removeTrigger: {
    lines: (_, { input: { namespace, trigger } }) => [`Trigger ${namespace}/${trigger} is removed`],
  },
  listAudit: { lines: (calls, { paint }) => auditLines(calls, paint) },
  listDead: { lines: (letters, { paint }) => deadLines(letters, paint) },
  getDead: { lines: (letter, { paint }) => deadLetterLines(letter, paint) },
  replayManyDead: {
    lines: (done, { input: { until } }) =>
      doneLines(done, "back in their channels", until === undefined ? REPLAY_AGAIN : undefined),
  },
  discardManyDead: { lines: (done) => doneLines(done, "discarded") },
  replayDead: { lines: ({ id, channel }) => [`Dead letter ${id} is back in ${channel}`] },
  discardDead: { lines: (_, { input: { id } }) => [`Dead letter ${id} is discarded`] },
  makeSignInLink: { run: showLink },
  removeKey: { lines: (_, { input: { id } }) => [`Key ${id} is removed`] },
};

/** Otherwise it never ends: each run takes up what the one before brought back in vain. */
const REPLAY_AGAIN = "run it again with --until and the time of the first run, because letters " +
  "that fail again come back as new ones";

/** Says what a command did, and where it is in the journal. */
function accepted<Name extends OperationName>(done: (input: AnswerView<Name>["input"]) => string) {
  return ({ turn, changed }: Accepted, { input }: AnswerView<Name>): readonly string[] => [
    changed ? `${done(input)} (turn ${turn})` : `${done(input)}; it was so already`,
  ];
}

function forkLines(
  { forkId, version, keeps, runs }: OperationResult<"forkTask">,
  { input: { id, step } }: AnswerView<"forkTask">,
): readonly string[] {
  const again = runs.filter(({ attempts }) => attempts > 0).map(({ step }) => step);
  const list = (names: readonly string[]) => names.length === 0 ? "nothing" : names.join(", ");
  return [
    forkId === undefined
      ? `A fork of task ${id} from ${step} would run version ${version}`
      : `Task ${forkId} runs from ${step}, version ${version}`,
    `  takes the results of  ${list(keeps)}`,
    `  runs                  ${list(runs.map(({ step }) => step))}`,
    ...again.length === 0 ? [] : [`  once more             ${list(again)}`],
  ];
}

async function startTask(context: VerbContext, send: () => Promise<Task>): Promise<number> {
  const { options, paint } = context;
  if (options.has("timeout") && !options.has("watch")) {
    throw new UsageError("Cannot read --timeout: it limits --watch, which is missing");
  }
  timeoutOf(context); // a wrong one is refused before anything is started
  const task = await send().catch((error: unknown) => {
    if (options.has("input")) throw error;
    throw withoutInput(error, context);
  });
  if (options.has("watch")) return await watchTask(context, task.id);
  const name = `${task.namespace}/${task.workflow} ${task.version}`;
  show(context, task, () => [
    `${paint("bold", `Task ${task.id}`)} of ${name} is ${task.state}`,
    ...outputLines(task, paint),
    `→ ${TASKER} ${isTerminal(task.state) ? "show" : "watch"} ${task.id}`,
  ]);
  return EXIT_DONE;
}

/** Of a start that is refused without --input: that it is missing comes before what it lacks. */
function withoutInput(error: unknown, { operands: [workflow] }: VerbContext): unknown {
  if (!(error instanceof ClientError) || error.code !== "contract.violation") return error;
  const lacks = error.faults.map(({ path, detail }) => path.replace(/^input\.?/, "") || detail);
  return new CommandError(
    `Cannot start "${workflow}": --input is missing, and its contract asks for ${lacks.join(", ")}`,
    "nothing was changed",
    `give --input JSON or --input @FILE; ${TASKER} workflows ${workflow} shows the contract`,
    error.code,
  );
}

async function showTask(context: VerbContext, send: () => Promise<Task>): Promise<number> {
  const { client, paint, runtime, signal } = context;
  const task = await send();
  const events = await Array.fromAsync(client.journal(task.id, { signal }));
  show(context, { ...task, events }, () => [
    ...taskLines(task, { paint, nowMs: runtime.now() }),
    "",
    paint("dim", `journal, ${dateText(task.createdAt).slice(0, 10)} UTC`),
    ...journalLines(events, paint),
  ]);
  return EXIT_DONE;
}

/** What only may break is shown, and fails no build. */
/** Shows a link with the address of the server that was asked. */
async function showLink(
  context: VerbContext,
  send: () => Promise<OperationResult<"makeSignInLink">>,
): Promise<number> {
  const link = await send();
  const { url } = context.connection;
  const address = "missing" in url ? "" : url.value;
  show(context, link, () => [
    `Open this in a browser: it signs in once, until ${link.expiresAt}`,
    `${address}${link.path}`,
  ]);
  return EXIT_DONE;
}

async function compareVersions(
  context: VerbContext,
  send: () => Promise<OperationResult<"compareVersions">>,
): Promise<number> {
  const { breaks } = await send();
  show(context, breaks, () => breakLines(breaks, context.paint));
  return breaks.some(({ verdict }) => verdict === "breaks") ? EXIT_FAILED : EXIT_DONE;
}

/** Lists workflows, or shows one. */
const workflows: Verb = {
  name: "workflows",
  operands: ["[WORKFLOW]"],
  options: {},
  summary: "Lists workflows, or shows one with its contracts and steps",
  isWrite: false,
  async run(context) {
    const { client, operands: [name], paint, signal } = context;
    const listed = await client.workflows.list({ signal });
    if (name === undefined) {
      show(context, listed, () => workflowListLines(listed, paint));
    } else {
      demandKnown(name, listed);
      const found = await client.workflows.get(name, { signal });
      show(context, found, () => workflowLines(found, paint));
    }
    return EXIT_DONE;
  },
};

const listIncidents = operationVerb("listIncidents", "incidents", {
  lines: (found, { paint }) => incidentListLines(found, paint),
});

/** Lists incidents, or reports one. */
const incidents: Verb = {
  ...listIncidents,
  operands: ["[INCIDENT]"],
  summary: "Lists incidents, or reports one: what, why, what was done, and its effect",
  async run(context) {
    const [incident] = context.operands;
    if (incident === undefined) return await listIncidents.run(context);
    const { client, signal } = context;
    const found = await client.call("getIncident", { incident }, { signal });
    show(context, found, () => incidentLines(found, context.paint));
    return EXIT_DONE;
  },
};

/** Lists what incidents propose; `proposals approve` and the like decide. */
const proposals: Verb = {
  ...operationVerb("listIncidents", "proposals", {
    lines: (found, { paint }) => proposalListLines(found, paint),
  }),
  summary: "Lists what incidents propose or have changed",
};

/** Suggests the full name when the namespace was left out. */
function demandKnown(name: string, listed: readonly WorkflowSummary[]): void {
  const names = listed.map((one) => `${one.namespace}/${one.name}`);
  if (names.includes(name)) return;
  const meant = names.find((one) => one.endsWith(`/${name}`)) ?? nearestOf(name, names);
  throw new CommandError(
    `Cannot show workflow "${name}": no workflow of that name is loaded`,
    "nothing was changed",
    meant === undefined
      ? `run ${TASKER} workflows to see which workflows are loaded`
      : `run ${TASKER} workflows ${meant}`,
    "definition.unknown",
  );
}

/** Any operation by its name in the table: what has no verb of its own, too. */
const CALLS: readonly Verb[] = Object.values(OPERATIONS)
  .filter(({ longLived }) => longLived !== "stream")
  .map(({ name }) => ({
    ...operationVerb(name as OperationName, `call ${name}`),
    isHidden: true,
  }));

/** Lists operations. */
const call: Verb = {
  name: "call",
  operands: [],
  options: {},
  summary: "Lists all operations of the API; `call OPERATION` sends one",
  isWrite: false,
  run(context) {
    const operations = CALLS.map(({ name, operands, summary }) => ({
      call: [name, ...operands].join(" "),
      summary,
    }));
    show(
      context,
      operations,
      () => tableLines(operations.map(({ call, summary }) => [call, summary]), context.paint),
    );
    return Promise.resolve(EXIT_DONE);
  },
};

const SPECIAL: readonly Verb[] = [
  workflows,
  deployVerb,
  incidents,
  proposals,
  watch,
  replay,
  check,
  suggest,
  eventsVerb,
  exportVerb,
  importVerb,
  rehearseVerb,
  generateVerb,
  doctor,
  call,
];

/** Verbs of no operation by the verb that they stand behind in the help; others stand last. */
const BEHIND: Readonly<Record<string, string>> = {
  watch: "show",
  replay: "journal",
  proposals: "incidents",
};

/** All verbs, in the order of the help. A special one takes the place of an operation's. */
export const VERBS: readonly Verb[] = [...namedVerbs(), ...CALLS];

function namedVerbs(): Verb[] {
  const special = new Map(SPECIAL.map((verb) => [verb.name, verb]));
  const derived = Object.values(OPERATIONS).flatMap(({ name, command }) =>
    command === undefined ? [] : [
      special.get(command.verb) ??
        operationVerb(name as OperationName, command.verb, extraOf(name as OperationName)),
    ]
  );
  const all = [...new Set([...derived, ...SPECIAL])];
  return all.filter(({ name }) => BEHIND[name] === undefined)
    .flatMap((verb) => [verb, ...all.filter(({ name }) => BEHIND[name] === verb.name)]);
}

function extraOf<Name extends OperationName>(name: Name): VerbExtra<Name> | undefined {
  return EXTRAS[name];
}
