/**
 * Symptoms: what the class, the code and the text of an error alone say about its kind. Pure.
 *
 * A symptom adds weight to a type of failure: natural logarithms of how much more often it is seen with
 * that type than with others, by judgement, rounded. What surrounds the failure is in `evidence.ts`.
 */

import type { AttemptError } from "../core/attempt_fact.ts";
import type { FailureType } from "../core/healing.ts";
import { SQL_CLASSES, STATUSES, type Weights, WORDS } from "./symptom_table.ts";

/** What an error says by itself. */
export interface Symptoms {
  readonly weights: Weights;
  /** The words, codes and classes that were recognised, for people. */
  readonly recognised: readonly string[];
}

/** Characters of a text that are searched. */
const SEARCHED_MAX = 1_000;

/** Of these classes the text is the engine's own: it says no more than the class. */
export const OWN_WORDS: ReadonlySet<AttemptError["class"]> = new Set(["timed_out", "interrupted"]);

const STATUS_NAME = /\b(401|403) (?:unauthorized|forbidden)\b/i;

/** What else of the same type is recognised adds this much. */
const SECOND_WEIGHT = 1;

/** Reads an error. Cost: one search for each of the patterns, about 50 µs. */
export function symptomsOf(error: AttemptError | undefined): Symptoms {
  if (error === undefined) return { weights: {}, recognised: [] };
  const { code = "", message = "" } = error;
  const text = `${code} ${message.slice(0, SEARCHED_MAX)}`;
  const found: { readonly what: string; readonly weights: Weights }[] = [];
  // The name of a status says no more than its number: providers answer 403 to what exceeds a quota, too.
  const said = text.replace(STATUS_NAME, "$1");
  const status = statusIn(code, text);
  const known = status === undefined ? undefined : STATUSES[status];
  if (known !== undefined) found.push({ what: `status ${status}`, weights: known });
  const sql = sqlWeights(code, text);
  if (sql !== undefined) found.push(sql);
  for (const [type, weight, pattern] of OWN_WORDS.has(error.class) ? [] : WORDS) {
    const match = pattern.exec(said)?.[0];
    if (match !== undefined) found.push({ what: match.trim(), weights: { [type]: weight } });
  }
  const byClass = CLASS_WEIGHTS[error.class];
  return {
    weights: sum([byClass(code), strongest(found.map(({ weights }) => weights))]),
    recognised: [...new Set(found.map(({ what }) => what.slice(0, 40)))],
  };
}

/** Whether the error itself says that the other side does not serve, rather than why. */
export function isOutage({ weights }: Symptoms): boolean {
  return OUTAGES.some((type) => (weights[type] ?? 0) >= 1);
}

const OUTAGES: readonly FailureType[] = ["partial_endpoint", "dependency_down"];

/** Adds weights up. */
export function sum(all: readonly Weights[]): Weights {
  const total: Partial<Record<FailureType, number>> = {};
  for (const weights of all) {
    for (const [type, weight] of entriesOf(weights)) total[type] = (total[type] ?? 0) + weight;
  }
  return total;
}

/** The entries of weights, typed. */
export function entriesOf(weights: Weights): readonly (readonly [FailureType, number])[] {
  return Object.entries(weights) as [FailureType, number][];
}

/** Words of one meaning are not independent: the heaviest counts, and a second one a little. */
function strongest(all: readonly Weights[]): Weights {
  const best: Partial<Record<FailureType, number>> = {};
  const seconds = new Set<FailureType>();
  for (const weights of all) {
    for (const [type, weight] of entriesOf(weights)) {
      if (best[type] !== undefined) seconds.add(type);
      best[type] = Math.max(best[type] ?? 0, weight);
    }
  }
  for (const type of seconds) best[type] = (best[type] ?? 0) + SECOND_WEIGHT;
  return best;
}

/** What the class says; some codes of the engine itself say more. */
const CLASS_WEIGHTS: Readonly<Record<AttemptError["class"], (code: string) => Weights>> = {
  failed: () => ({ validation: 1 }),
  thrown: () => ({}),
  timed_out: (code) =>
    code === "queue_timed_out"
      ? { overload: 5 }
      : code === "heartbeat_timed_out"
      ? { worker_local: 2.5, timeout: 3.5, interrupted: 2 }
      : { timeout: 4.5, overload: 1.5, latency_shift: 1.5, dependency_down: 1 },
  contract_violation: () => ({ contract_drift: 4.5, data_quality: 2.5, validation: 1.5 }),
  interrupted: () => ({ interrupted: 7 }),
  undeliverable: (code) =>
    code === "mapping_failed"
      ? { data_quality: 4.5, contract_drift: 3.5 }
      : code === "egress_refused"
      ? { config: 6 }
      : code === "payload_too_large"
      ? { poison: 4.5, data_quality: 4 }
      : { bus: 2.5, config: 1.5 },
};

function statusIn(code: string, text: string): number | undefined {
  const found = /^(?:http_?)?([45]\d\d)$/i.exec(code)?.[1] ??
    /\b(?:http(?:\/\d(?:\.\d)?)?|status(?: code)?|code|answered|returned|responded(?: with)?|with|error|response)[ :=(]{1,3}([45]\d\d)\b/i
      .exec(text)?.[1] ??
    /\b([45]\d\d) (?:[A-Z][a-z]+|client error|server error)\b/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

function sqlWeights(code: string, text: string) {
  const state = /^[0-9A-Z]{5}$/.test(code)
    ? code
    : /\b(?:sqlstate|sql state)[ :=[]{0,3}([0-9A-Z]{5})\b/i.exec(text)?.[1];
  if (state === undefined || !/\d/.test(state)) return undefined;
  const weights = SQL_CLASSES[state] ?? SQL_CLASSES[state.slice(0, 2)];
  return weights === undefined ? undefined : { what: `SQLSTATE ${state}`, weights };
}
