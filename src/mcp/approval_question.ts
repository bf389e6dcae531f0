/** Approval questions: what a person is shown of a deployment before it is made. */

import type { OperationResult } from "../client.ts";
import { shownText } from "./shown.ts";

type Report = OperationResult<"deployWorkflow">;

/** Characters of a question; what has to be in it is at most half of that. */
const QUESTION_LENGTH_MAX = 8_000;
const DEMANDED_LENGTH_MAX = 4_000;

/** The lines of the document that change. */
interface Differing {
  readonly isNew: boolean;
  /** Undefined: the key may not see what is there. */
  readonly diff?: readonly string[];
}

/**
 * Asks whether a workflow is to be deployed. Whom it asks, what it may break and its warnings come first
 * and whole, then how it runs, then the lines that change: contracts, mappings, policies.
 *
 * @returns undefined when what has to be shown is more than a form can hold
 */
export function questionAbout(report: Report, differing: Differing): string | undefined {
  const demanded = demandedIn(report);
  if (demanded.length > DEMANDED_LENGTH_MAX) return undefined;
  const lines = [demanded, ...runsIn(report), ...changesIn(report, differing)];
  return shownText(lines.join("\n"), QUESTION_LENGTH_MAX);
}

function demandedIn(report: Report): string {
  const { namespace, name, version, before, openTasks, reaches, breaks, problems } = report;
  const instead = before === undefined
    ? "It is new."
    : `It takes the place of ${before}; ${openTasks} tasks go on with that.`;
  return [
    `Deploy ${namespace}/${name} ${version}? ${instead}`,
    ...section("Its steps ask:", reaches),
    ...section(
      "It may break:",
      breaks.map(({ path, detail, affected }) => `${path}: ${detail}; affects ${affected}`),
    ),
    ...section("Warnings:", problems.map(({ code, text }) => `${code} ${text}`)),
  ].join("\n");
}

function runsIn({ rehearsal }: Report): readonly string[] {
  const ends = rehearsal?.runs.map(({ fails, end }) =>
    `${fails === undefined ? "all goes well" : `${fails} fails`}: ${end.replaceAll("_", " ")}`
  );
  return section("Rehearsed, when", ends ?? []);
}

function changesIn({ changes }: Report, { isNew, diff }: Differing): readonly string[] {
  if (diff !== undefined) return ["", isNew ? "The document:" : "Lines that change:", ...diff];
  return section(
    "What changes:",
    changes.map(({ what, path, text }) => `${what} ${path}: ${text}`),
  );
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `- ${line}`)];
}
