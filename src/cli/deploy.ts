/** The verbs of deployments: what a document changes, whom it breaks, and what was deployed when. */

import type { EntryOf, OperationResult } from "../client.ts";
import { dateText, foldText, type Paint } from "./format.ts";
import type { VerbExtra } from "./operation_verb.ts";
import { breakLines } from "./result_lines.ts";
import { EXIT_DONE, EXIT_FAILED, operand, show, TASKER, UsageError, type Verb } from "./verb.ts";

type Report = OperationResult<"deployWorkflow">;

/** Characters of a file's path that are sent, to name the text in positions. */
const PATH_LENGTH_MAX = 256;

/** Columns of a reason. */
const COLUMNS = 76;

/** Simulated runs whose end is shown. */
const RUNS_SHOWN_MAX = 8;

/** Marks of what was added, removed and changed, as in every diff. */
const MARKS = { added: "+", removed: "-", changed: "~" } as const;

const TONES = { added: "good", removed: "bad", changed: "warn" } as const;

export const deployVerb: Verb = {
  name: "deploy",
  operands: ["FILE"],
  options: {
    reason: { value: "TEXT", summary: "Why; it stays in the history. Needed unless --dry-run" },
    "dry-run": { summary: "Says what would happen, and stores nothing" },
    force: { value: "TEXT", summary: "Why it may break others; recorded with what it breaks" },
  },
  summary:
    "Deploys a manifest as a new version of its workflow, without a restart; exit code 1 when a " +
    "dry run finds that it would be refused",
  isWrite: true,
  async run(context) {
    const { client, options, paint, signal } = context;
    const path = operand(context, 0);
    if (path.endsWith(".ts")) {
      throw new UsageError(
        `Cannot deploy "${path}": code comes with the server's files; put the module into ` +
          "TASKER_WORKFLOWS (workflows/ by default) and start the server again",
      );
    }
    const dryRun = options.has("dry-run");
    const reason = options.get("reason") ?? (dryRun ? "a dry run" : undefined);
    if (reason === undefined) throw new UsageError("Cannot deploy: --reason TEXT is missing");
    const text = await context.file(path);
    if (text === undefined) throw new UsageError(`Cannot deploy "${path}": there is no such file`);
    const force = options.get("force");
    const report = await client.call("deployWorkflow", {
      ...{ text, file: path.slice(-PATH_LENGTH_MAX), reason, dryRun },
      ...(force !== undefined && { force }),
    }, { signal });
    show(context, report, () => reportLines(report, paint));
    return report.isAccepted ? EXIT_DONE : EXIT_FAILED;
  },
};

/** How `workflows revert` shows what it did. */
export const REVERT: VerbExtra<"revertWorkflow"> = {
  lines: (report, { paint }) => reportLines(report, paint),
};

/** How `workflows source` shows a document: as it was sent, so that it can be written to a file. */
export const SOURCE: VerbExtra<"workflowSource"> = {
  lines: ({ text }) => text.replace(/\n$/, "").split("\n"),
};

/** How `workflows history` shows what was deployed. */
export const HISTORY: VerbExtra<"deployHistory"> = {
  lines: (found, { paint }) => historyLines(found, paint),
};

function historyLines(found: readonly EntryOf<"deployHistory">[], paint: Paint): string[] {
  if (found.length === 0) return ["nothing was deployed as a document"];
  return found.flatMap(({ kind, version, by, reason, forced, at }, index) => [
    `${index === 0 ? paint("good", "●") : "○"} ${paint("bold", version)}  ` +
    `${kind === "deploy" ? "deployed" : "starts take it again"}  ` +
    paint("dim", `${dateText(at)} by ${by}`),
    ...indented(paint("plain", reason)),
    ...(forced === undefined ? [] : [
      ...indented(paint("warn", `it was let break others: ${forced.reason}`)),
      ...forced.breaks.flatMap((line) => indented(paint("plain", `- ${line}`))),
    ]),
  ]);
}

function indented(text: string): string[] {
  return foldText(text, COLUMNS).map((line) => `    ${line}`);
}

function reportLines(report: Report, paint: Paint): string[] {
  const { changes, moreChanges, reaches, breaks, forced, openTasks, before } = report;
  const left = moreChanges === 0 ? [] : [`… and ${moreChanges} more changes`];
  const diff = changes.map(({ part, what, path, text }) =>
    `${paint(TONES[what], `${MARKS[what]} ${part} ${path}`)}${
      text === "" ? "" : `  ${paint("plain", text)}`
    }`
  );
  const inFlight = openTasks === 0 || before === undefined
    ? []
    : [`${openTasks} ${openTasks === 1 ? "task" : "tasks"} under way keep ${before}`];
  return [
    headLine(report, paint),
    ...(report.outcome === "unchanged" || changes.length === 0 ? [] : ["", ...diff, ...left]),
    ...(reaches.length === 0
      ? []
      : ["", ...reaches.map((line) => `${paint("dim", "asks")} ${paint("plain", line)}`)]),
    ...(breaks.length === 0 ? [] : ["", ...breakLines(breaks, paint)]),
    ...(forced === undefined ? [] : [paint("warn", `It was let in: ${forced}`)]),
    ...(report.problems.length === 0 ? [] : [
      "",
      ...report.problems.map(({ code, at, text }) =>
        `${paint("warn", code)} ${at === undefined ? "" : `line ${at.line}: `}${
          paint("plain", text)
        }`
      ),
    ]),
    ...(report.rehearsal === undefined ? [] : ["", ...rehearsalLines(report.rehearsal, paint)]),
    ...(inFlight.length === 0 ? [] : ["", ...inFlight]),
  ];
}

/** How simulated runs end; `rehearse` draws them. */
function rehearsalLines(
  { runs, problems }: NonNullable<Report["rehearsal"]>,
  paint: Paint,
): string[] {
  const ends = runs.map(({ fails, end }) =>
    `${fails === undefined ? "rehearsed" : `if ${fails} fails`}: ${end.replaceAll("_", " ")}`
  );
  const more = ends.length - RUNS_SHOWN_MAX;
  return [
    ...ends.slice(0, RUNS_SHOWN_MAX),
    ...(more > 0 ? [paint("dim", `… and ${more} more runs: ${TASKER} rehearse FILE`)] : []),
    ...problems.map(({ severity, text }) =>
      `${severity === "error" ? paint("bad", "✗") : paint("warn", "?")} ${paint("plain", text)}`
    ),
  ];
}

function headLine({ namespace, name, version, before, ...of }: Report, paint: Paint): string {
  const what = paint("bold", `${namespace}/${name} ${version}`);
  const since = before === undefined ? "its first version" : `compared with ${before}`;
  switch (of.outcome) {
    case "deployed":
      return `${what} is deployed; starts take it (${since})`;
    case "reverted":
      return `Starts take ${what} again (${since})`;
    case "unchanged":
      return of.starts === version
        ? `${what} was there already; nothing was changed`
        : `${what} was deployed before; nothing was changed, and starts take ${of.starts}: ` +
          `${TASKER} workflows revert ${namespace}/${name} --to ${version} --reason TEXT`;
    case "dry_run":
      return of.isAccepted
        ? `${what} can be deployed (${since})`
        : `${paint("bad", `${namespace}/${name} ${version} would be refused`)} (${since}): ` +
          "it breaks others";
  }
}
