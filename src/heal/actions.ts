/** Actions: what each of them changes in which overlay, and whether it makes more work. Pure. */

import { CIRCUIT_DEFAULTS } from "../core/breaker.ts";
import type { Change, HealingAction, OverlayChange, Proposal } from "../core/healing.ts";
import { type FullPolicy, SYSTEMS_NAMESPACE, WHOLE_SYSTEM } from "../core/policy.ts";
import { type RetryRule, withRule } from "../core/retry_rule.ts";
import { valueAt } from "./changes.ts";

/**
 * Returns what an action puts; undefined: it changes no overlay. `content` is what the overlay says now:
 * rules for certain failures are added to those that are there.
 */
export function changesOf(action: HealingAction, content: object = {}): OverlayChange | undefined {
  switch (action.kind) {
    case "set_timeout":
      return ofStep(action, [["timeoutMs", action.timeoutMs]]);
    case "set_retry":
      return retryChange(action, content);
    case "set_concurrency":
      return ofStep(action, [["concurrencyMax", action.concurrencyMax]]);
    case "switch_system":
      return ofStep(action, [["system", action.system]]);
    case "park_and_notify":
      if (action.only !== undefined) {
        const rule: RetryRule = { ...action.only, attemptsMax: 1, onExhausted: "park" };
        return ofRule(action, rule, content);
      }
      return ofStep(action, [["retry.attemptsMax", 1], ["onExhausted", "park"]]);
    case "pause_starts": {
      const { pausedBelow, ratePerS, untilMs } = action;
      const starts = {
        ...(pausedBelow !== undefined && { pausedBelow }),
        ...(ratePerS !== undefined && { ratePerS }),
        untilMs,
      };
      const [namespace = "", name = ""] = action.workflow.split("/");
      return { namespace, name, changes: [{ path: ["starts"], value: starts }] };
    }
    case "limit_system":
      return ofSystem(action.system, action.capability, [
        ...(action.concurrencyMax === undefined
          ? []
          : [["concurrencyMax", action.concurrencyMax] as const]),
        ...(action.ratePerS === undefined ? [] : [["ratePerS", action.ratePerS] as const]),
        ...(action.burst === undefined ? [] : [["burst", action.burst] as const]),
      ]);
    case "set_circuit":
      return ofSystem(
        action.system,
        WHOLE_SYSTEM,
        (["failureShare", "slowShare", "slowMs", "volumeMin"] as const).flatMap((field) =>
          action[field] === undefined ? [] : [[`circuit.${field}`, action[field]] as const]
        ),
      );
    case "open_circuit":
      return ofSystem(action.system, WHOLE_SYSTEM, [["circuit.openUntilMs", action.untilMs]]);
    case "hold_system":
      return ofSystem(action.system, WHOLE_SYSTEM, [["holdUntilMs", action.untilMs]]);
    case "eject_instance": {
      const path = ["steps", WHOLE_SYSTEM, "ejected", action.instance];
      const changes = [{ path, value: action.untilMs }];
      return { namespace: SYSTEMS_NAMESPACE, name: action.system, changes };
    }
    case "quarantine_task":
    case "suggest_change":
      return undefined;
  }
}

/** Whether an action makes more or less work for what is asked, compared with the policy before. */
export function loadOf(action: HealingAction, before: FullPolicy): Proposal["load"] {
  switch (action.kind) {
    case "set_timeout":
      return action.timeoutMs > (before.timeoutMs ?? Infinity) ? "adds" : "reduces";
    case "set_retry":
      return (action.attemptsMax ?? 0) > before.attemptsMax ? "adds" : "reduces";
    case "set_concurrency":
      return action.concurrencyMax > (before.concurrencyMax ?? Infinity) ? "adds" : "reduces";
    case "set_circuit":
      return (action.failureShare ?? 0) > CIRCUIT_DEFAULTS.failureShare ? "adds" : "reduces";
    case "switch_system":
    case "suggest_change":
      return "same";
    default:
      return "reduces";
  }
}

type Field = readonly [name: string, value: unknown];

function ofStep(
  { workflow, step }: { readonly workflow: string; readonly step: string },
  fields: readonly (readonly unknown[])[],
): OverlayChange {
  const [namespace = "", name = ""] = workflow.split("/");
  return { namespace, name, changes: fields.map((field) => changeOf(step, field as Field)) };
}

function retryChange(
  action: Extract<HealingAction, { kind: "set_retry" }>,
  content: object,
): OverlayChange {
  const fields = (["attemptsMax", "backoff", "delayMsMin", "delayMsMax"] as const)
    .flatMap((field) => action[field] === undefined ? [] : [[field, action[field]] as const]);
  return action.only === undefined
    ? ofStep(action, fields.map(([field, value]) => [`retry.${field}`, value]))
    : ofRule(action, { ...action.only, ...Object.fromEntries(fields) }, content);
}

/** Adds a rule to those of a step. */
function ofRule(
  of: { readonly workflow: string; readonly step: string },
  rule: RetryRule,
  content: object,
): OverlayChange {
  const rules = valueAt(content, ["steps", of.step, "retry", "by"]) ?? [];
  return ofStep(of, [["retry.by", withRule(rules as readonly RetryRule[], rule)]]);
}

function ofSystem(system: string, capability: string, fields: readonly Field[]): OverlayChange {
  const changes = fields.map((field) => changeOf(capability, field));
  return { namespace: SYSTEMS_NAMESPACE, name: system, changes };
}

function changeOf(of: string, [name, value]: Field): Change {
  return { path: ["steps", of, ...name.split(".")], value };
}
