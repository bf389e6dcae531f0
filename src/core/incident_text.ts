/** What healing sees, proposes and does, as one would say it. */

import type { HealingAction } from "./healing.ts";
import { actionOf } from "./healing_action.ts";
import type { SIGNALS } from "./incident.ts";
import type { FailureMatch } from "./retry_rule.ts";

/** Characters of one value of an action. */
const VALUE_LENGTH_MAX = 120;

/** What a step does that does worse, by what it shows itself by: `charge` … "than it did". */
export const SIGNAL_TEXTS: Readonly<Record<typeof SIGNALS[number], string>> = {
  failures: "fails more often",
  timeouts: "times out more often",
  latency: "takes longer",
  waiting: "waits longer",
  parked: "waits for people",
};

/** Says an action, as the API shows it; one that a newer server knows is shown by its fields. */
export function actionText(action: { readonly kind: string }): string {
  const known = actionOf(action);
  if (known !== undefined) return knownText(known);
  return Object.entries(action).map(([name, value]) => `${name} ${valueText(value)}`).join(", ");
}

function knownText(action: HealingAction): string {
  switch (action.kind) {
    case "set_timeout":
      return `set the time-out of "${action.step}" to ${action.timeoutMs} ms`;
    case "set_retry":
      return `retry "${action.step}" otherwise${afterText(action.only)}: ${retryText(action)}`;
    case "set_concurrency":
      return `run at most ${action.concurrencyMax} attempts of "${action.step}" at once on a node` +
        untilText(action);
    case "limit_system": {
      const of = action.capability === "*" ? "" : ` for "${action.capability}"`;
      return `send "${action.system}"${of} at most ${limitText(action)}${untilText(action)}`;
    }
    case "set_circuit": {
      const { kind: _kind, system, ...fields } = action;
      return `let the circuit of "${system}" open otherwise: ${fieldsText(fields)}`;
    }
    case "open_circuit":
    case "hold_system":
      return `send nothing to "${action.system}"${untilText(action)}`;
    case "pause_starts": {
      const { pausedBelow, ratePerS } = action;
      const held = pausedBelow === undefined ? [] : [`those below priority ${pausedBelow}`];
      const more = ratePerS === undefined ? [] : [`more than ${ratePerS} a second`];
      const which = [...held, ...more].join(" and ");
      return `hold back starts of ${action.workflow}, ${which}${untilText(action)}`;
    }
    case "eject_instance":
      return `send nothing to instance "${action.instance}" of "${action.system}"` +
        untilText(action);
    case "switch_system":
      return `send "${action.step}" to system "${action.system}" instead`;
    case "quarantine_task":
      return `pause task ${action.taskId}`;
    case "park_and_notify":
      return `park "${action.step}" instead of trying it again${afterText(action.only)}`;
    case "suggest_change":
      return action.text;
  }
}

function untilText({ untilMs }: { readonly untilMs: number }): string {
  return ` until ${new Date(untilMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function afterText(only: FailureMatch | undefined): string {
  return only === undefined ? "" : ` after failures with ${fieldsText(only)}`;
}

function retryText(
  { attemptsMax, backoff, delayMsMin, delayMsMax }: Extract<HealingAction, { kind: "set_retry" }>,
): string {
  return fieldsText({ attemptsMax, backoff, delayMsMin, delayMsMax });
}

function limitText({ concurrencyMax, ratePerS }: Extract<HealingAction, { kind: "limit_system" }>) {
  return [
    ...(concurrencyMax === undefined ? [] : [`${concurrencyMax} attempts at once`]),
    ...(ratePerS === undefined ? [] : [`${ratePerS} attempts a second`]),
  ].join(" and ");
}

function fieldsText(fields: object): string {
  return Object.entries(fields).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : valueText(value)}`)
    .join(", ");
}

/** A value as JSON, cut where it is long. */
function valueText(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX - 1)}…`;
}
