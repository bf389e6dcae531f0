/** The verb that sends events from outside: out of a file, or of what another program writes. */

import type { OperationInput, OperationResult } from "../client.ts";
import type { Paint } from "./format.ts";
import { describeUnfit, notJson } from "../core/json.ts";
import { EXIT_DONE, EXIT_FAILED, operand, show, UsageError, type Verb } from "./verb.ts";

type Sent = OperationResult<"sendEvents">;

export const eventsVerb: Verb = {
  name: "events send",
  operands: ["FILE"],
  options: { namespace: { value: "NAME", summary: "Needed if the key covers several" } },
  summary: "Sends the event in a JSON file, or a list of up to 100, to the triggers of a " +
    "namespace; exit code 1 when something was refused",
  isWrite: true,
  async run(context) {
    const { client, options, paint, signal } = context;
    const path = operand(context, 0);
    const text = await context.file(path);
    if (text === undefined) throw new UsageError(`Cannot send "${path}": there is no such file`);
    const namespace = options.get("namespace");
    const sent = await client.call("sendEvents", {
      events: eventsIn(text, path),
      ...(namespace !== undefined && { namespace }),
    }, { signal });
    show(context, sent, () => sentLines(sent, paint));
    return isRefused(sent) ? EXIT_FAILED : EXIT_DONE;
  },
};

/** The server says what is wrong with an event. */
function eventsIn(text: string, path: string): OperationInput<"sendEvents">["events"] {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`Cannot send "${path}": ${describeUnfit(notJson(error))}`);
  }
}

function isRefused({ events }: Sent): boolean {
  return events.some(({ outcome, triggers }) =>
    outcome === "refused" || triggers.some((fired) => fired.outcome === "refused")
  );
}

function sentLines({ namespace, events }: Sent, paint: Paint): readonly string[] {
  return events.flatMap(({ id = "?", outcome, triggers, sendAgain, problem }) => {
    const head = paint("bold", `Event ${id}`);
    if (problem !== undefined) return [`${head} ${paint("bad", problem.code)} ${problem.detail}`];
    if (outcome === "unmatched") return [`${head}: no trigger of ${namespace} takes it`];
    return [
      head,
      ...triggers.map(({ trigger, outcome, task, problem }) =>
        problem === undefined
          ? `  ${trigger}  ${outcome} ${task ?? ""}`
          : `  ${trigger}  ${paint("bad", problem.code)} ${problem.detail}`
      ),
      ...(sendAgain ? ["  → send it again: what is done is not done twice"] : []),
    ];
  });
}
