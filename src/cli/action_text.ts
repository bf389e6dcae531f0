/** Action text: what healing proposes or did, as one would say it. */

import type { HealingAction } from "../core/healing.ts";
import { actionOf } from "../core/healing_action.ts";
import type { FailureMatch } from "../core/retry_rule.ts";
import { dateText, valueText } from "./format.ts";

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
  return ` until ${dateText(new Date(untilMs).toISOString())} UTC`;
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
