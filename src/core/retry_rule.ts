/** Retry rules: how failures of one class, code, HTTP status or host are retried. Pure. */

import type { Failure, FailureClass } from "./event.ts";
import type { Backoff, FullPolicy, Policy } from "./policy.ts";

/** Which failures a rule is for: all that it says must hold, and it says something. */
export interface FailureMatch {
  readonly class?: FailureClass;
  /** `error_code` of the error. */
  readonly code?: string;
  /** `http_status` of the error. */
  readonly status?: number;
  /** The host that an `http` step calls, as in its URL: with its port unless that is the default. */
  readonly host?: string;
}

/** How such failures are retried; what it does not say is as for all failures. */
export interface RetryRule extends FailureMatch {
  /** Attempts of the step in all, those that failed otherwise included. */
  readonly attemptsMax?: number;
  readonly backoff?: Backoff;
  readonly delayMsMin?: number;
  readonly delayMsMax?: number;
  /** `park` also parks a step whose failure is not to be retried. */
  readonly onExhausted?: "park" | "fail";
}

/** A rule with all that is not said filled in. */
export interface FullRetryRule
  extends
    FailureMatch,
    Pick<FullPolicy, "attemptsMax" | "backoff" | "delayMsMin" | "delayMsMax" | "onExhausted"> {
  /** A failure that is not to be retried parks the step. */
  readonly parksAll: boolean;
}

/** Rules of one policy. */
export const RULES_MAX = 20;

const MATCH_FIELDS = ["class", "code", "status", "host"] as const satisfies readonly (
  keyof FailureMatch
)[];

/** Returns the policy of one rule: the step's, with what the rule says instead. */
export function policyOfRule(policy: Policy, { onExhausted, ...rule }: RetryRule): Policy {
  const { class: _class, code: _code, status: _status, host: _host, ...retry } = rule;
  const { by: _by, ...base } = policy.retry ?? {};
  return { ...policy, retry: { ...base, ...retry }, ...(onExhausted && { onExhausted }) };
}

/**
 * Finds the first rule that a failure falls under; undefined: none.
 *
 * Cost: one JSON.parse of the error, if a rule names a code or a status.
 */
export function ruleFor(
  rules: readonly FullRetryRule[],
  failure: Failure,
  origin: string | undefined,
): FullRetryRule | undefined {
  let said: { error_code?: unknown; http_status?: unknown } | undefined;
  const error = () => said ??= objectOf(failure.error);
  return rules.find((rule) =>
    (rule.class === undefined || rule.class === failure.class) &&
    (rule.host === undefined || rule.host === hostOf(origin)) &&
    (rule.code === undefined || rule.code === error().error_code) &&
    (rule.status === undefined || rule.status === error().http_status)
  );
}

/** Puts a rule before others, without those that it leaves nothing to. */
export function withRule(rules: readonly RetryRule[], rule: RetryRule): readonly RetryRule[] {
  return [rule, ...rules.filter((other) => unreachedRule([rule, other]) < 0)].slice(0, RULES_MAX);
}

/** The index of the first rule that an earlier one leaves nothing to; -1: there is none. */
export function unreachedRule(rules: readonly FailureMatch[]): number {
  return rules.findIndex((rule, at) =>
    rules.slice(0, at).some((earlier) =>
      MATCH_FIELDS.every((field) => earlier[field] === undefined || earlier[field] === rule[field])
    )
  );
}

function hostOf(origin: string | undefined): string | undefined {
  return origin === undefined ? undefined : URL.parse(origin)?.host;
}

function objectOf(json: string): Record<string, unknown> {
  const value: unknown = JSON.parse(json);
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}
