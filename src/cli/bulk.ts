/** The verb `bulk`: changes the tasks of a filter, page by page, and says how far it has come. */

import type { OperationInput, OperationResult } from "../client.ts";
import { dateText } from "./format.ts";
import type { VerbExtra } from "./operation_verb.ts";
import { EXIT_DONE, EXIT_FAILED, show, TASKER, type VerbContext } from "./verb.ts";

type Page = OperationResult<"changeTasks">;

/** What all pages did together. */
interface Total extends Omit<Page, "refused" | "nextCursor" | "searchedTo"> {
  readonly refused: number;
  /** Refusals by their code. */
  readonly reasons: Readonly<Record<string, number>>;
}

const NOTHING: Total = {
  tasks: 0,
  commands: 0,
  changed: 0,
  unchanged: 0,
  refused: 0,
  reasons: {},
};

/** Refusals that are named. */
const REFUSED_SHOWN_MAX = 20;

/** Tasks of one page. */
const PAGE_MAX = 100;

/** What the verb does beyond sending its operation. */
export const BULK: VerbExtra<"changeTasks"> = {
  summary:
    "Retries, resolves, skips, cancels, pauses or resumes all tasks of a filter, or chooses " +
    "for them; without --yes it only counts them. Exit code 1 when one was refused",
  options: {
    yes: { summary: "Changes them; without it they are counted, with those that would be refused" },
    max: { value: "N", summary: "The most tasks to change; all unless given" },
  },
  async run(context, send, input) {
    const isDryRun = !context.options.has("yes") || input.dryRun === true;
    const max = Number(context.options.get("max") ?? Infinity);
    let total: Total = NOTHING;
    for (let cursor = input.cursor; total.tasks < max;) {
      const limit = Math.min(
        input.limit === undefined ? PAGE_MAX : Number(input.limit),
        max - total.tasks,
      );
      const page = await send({ dryRun: isDryRun, limit, ...(cursor !== undefined && { cursor }) })
        .catch((error: unknown) => {
          sayWhereItStands(context, total, cursor);
          throw error;
        });
      total = added(total, page);
      sayRefused(context, page, total);
      cursor = page.nextCursor;
      if (cursor === undefined) break;
      sayProgress(context, page, total);
      if (context.signal.aborted) {
        sayWhereItStands(context, total, cursor);
        return EXIT_FAILED;
      }
    }
    show(context, { ...total, isDryRun }, () => [summaryOf(input.action, total, isDryRun)]);
    return total.refused > 0 && !isDryRun ? EXIT_FAILED : EXIT_DONE;
  },
};

function added(total: Total, page: Page): Total {
  const reasons = { ...total.reasons };
  for (const { problem: { code } } of page.refused) reasons[code] = (reasons[code] ?? 0) + 1;
  return {
    reasons,
    tasks: total.tasks + page.tasks,
    commands: total.commands + page.commands,
    changed: total.changed + page.changed,
    unchanged: total.unchanged + page.unchanged,
    refused: total.refused + page.refused.length,
  };
}

function sayRefused({ terminal, paint }: VerbContext, page: Page, total: Total): void {
  const before = total.refused - page.refused.length;
  const shown = page.refused.slice(0, Math.max(0, REFUSED_SHOWN_MAX - before));
  for (const { id, step, problem } of shown) {
    terminal.warn(
      paint("warn", `  ${id}${step === undefined ? "" : ` ${step}`}: ${problem.detail}`),
    );
  }
  if (before < REFUSED_SHOWN_MAX && total.refused > REFUSED_SHOWN_MAX) {
    terminal.warn(paint("dim", "  … more were refused; they are counted"));
  }
}

function sayProgress({ terminal, paint }: VerbContext, page: Page, total: Total): void {
  const back = page.searchedTo === undefined ? "" : `, back to ${dateText(page.searchedTo)} UTC`;
  terminal.warn(paint("dim", `  ${total.tasks} tasks${back}`));
}

/** What was not done is found again by the same filter; the cursor only saves looking. */
function sayWhereItStands(
  { terminal }: VerbContext,
  { tasks, changed }: Total,
  cursor: string | undefined,
): void {
  const rest = cursor === undefined ? "run it again" : `go on with --cursor ${cursor}`;
  terminal.warn(`stopped after ${tasks} tasks, ${changed} changed: ${rest}`);
}

function summaryOf(
  action: OperationInput<"changeTasks">["action"],
  { tasks, commands, changed, unchanged, refused, reasons }: Total,
  isDryRun: boolean,
): string {
  if (tasks === 0) return `no task to ${action}; see which there are: ${TASKER} list`;
  const what = commands === tasks ? `${tasks} tasks` : `${commands} steps of ${tasks} tasks`;
  const byReason = Object.entries(reasons).map(([code, count]) => `${count} ${code}`).join(", ");
  if (isDryRun) {
    const but = refused > 0 ? `, of which ${refused} would be refused (${byReason})` : "";
    return `${action} would change ${what}${but}: add --yes to do it`;
  }
  return [
    `${action}: ${changed} of ${what} changed`,
    ...(unchanged > 0 ? [`${unchanged} were so already`] : []),
    ...(refused > 0 ? [`${refused} refused (${byReason})`] : []),
  ].join(", ");
}
