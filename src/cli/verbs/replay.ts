/** The verb `replay`: folds a journal here, and shows the task as it was after any turn. */

import type { Task, WorkflowVersion } from "../../client.ts";
import { UsageError } from "../arguments.ts";
import { CommandError } from "../failure.ts";
import { foldJournal } from "../fold.ts";
import { journalLines } from "../journal_lines.ts";
import { taskLines } from "../task_lines.ts";
import { type Call, EXIT_DONE, operand, show, type Verb } from "../verb.ts";

/** Folds a task's journal. */
export const replay: Verb = {
  name: "replay",
  operands: ["ID"],
  options: { at: "N" },
  summary: "Folds a task's journal here and shows it as it was after turn --at",
  writes: "never",
  async run(call) {
    const { client, signal, paint } = call;
    const atTurn = turnOf(call);
    const task = await client.get(operand(call, 0), { signal });
    const version = await versionOf(call, task);
    const journal = await Array.fromAsync(client.journal(task.id, { signal }));
    const lastTurn = journal.at(-1)?.turn ?? 0;
    if (atTurn > lastTurn && atTurn !== Infinity) {
      throw new UsageError(`Cannot replay to turn ${atTurn}: the journal ends at ${lastTurn}`);
    }
    const entries = journal.filter(({ turn }) => turn <= atTurn);
    const folded = foldJournal({ task, version, entries });
    const turn = Math.min(atTurn, lastTurn);
    show(call, folded, () => [
      ...taskLines(folded, { paint, nowMs: Date.parse(entries.at(-1)?.at ?? task.createdAt) }),
      "",
      paint(
        "dim",
        `folded from ${entries.length} events, turns 1 to ${turn} of ${lastTurn}; turn ${turn}:`,
      ),
      ...journalLines(entries.filter((entry) => entry.turn === turn), paint),
    ]);
    return EXIT_DONE;
  },
};

function turnOf({ options }: Call): number {
  const typed = options.get("at");
  if (typed === undefined) return Infinity;
  if (/^[1-9]\d{0,8}$/.test(typed)) return Number(typed);
  throw new UsageError(`Cannot replay to turn "${typed}": expected a number from 1`);
}

async function versionOf({ client, signal }: Call, task: Task): Promise<WorkflowVersion> {
  const { versions } = await client.workflows.get(`${task.namespace}/${task.workflow}`, { signal });
  const version = versions.find(({ hash }) => hash === task.definitionHash);
  if (version !== undefined) return version;
  throw new CommandError(
    `Cannot replay task "${task.id}": its definition ${task.definitionHash} is not shown by the server`,
    "nothing was changed",
    "look at the journal as it is: `show ID`",
  );
}
