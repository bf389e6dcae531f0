/** Reads what says whom the engine itself may call: hosts, and the model that explains incidents. */

import { messageOf } from "../core/errors.ts";
import { MODEL_KEY, whyNoHeaderValue } from "../core/http_call.ts";
import { NO_RULES, targetOf, withRule } from "../egress/rules.ts";
import { type ConfigReader, quote } from "./config_reader.ts";

/** What Tasker needs to ask a model: all of it, or nothing. */
const MODEL_NAMES = ["TASKER_MODEL_URL", "TASKER_MODEL", MODEL_KEY] as const;

type Reader = ConfigReader<"TASKER_EGRESS" | typeof MODEL_NAMES[number]>;
type CalledReader<Name extends string> = ConfigReader<"TASKER_EGRESS" | Name>;

/** Which model. */
interface ModelAddress {
  /** Base of the API. */
  readonly url: string;
  readonly name: string;
}

/** Reads the rules of what may be called. */
export function readEgress(reader: Reader): readonly string[] {
  const rules = reader.list("TASKER_EGRESS");
  for (const rule of rules.filter((one) => withRule(NO_RULES, one) === undefined)) {
    const expected = "expected a host such as mail.company.com, *.company.com or *, " +
      "with or without a port, or an address or a range such as 10.2.0.0/16, without one";
    reader.fault("TASKER_EGRESS", "not_a_rule", `${quote(rule)}: ${expected}`);
  }
  return rules;
}

/**
 * Reads which model there is. Its key stays out: the launcher gives it to the guard, and the server
 * only learns that there is one.
 */
export function readModel(reader: Reader): ModelAddress | undefined {
  const [url, name, key] = MODEL_NAMES.map((one) => reader.text(one));
  const absent = MODEL_NAMES.filter((one) => reader.text(one) === undefined);
  if (absent.length === MODEL_NAMES.length) return undefined;
  for (const one of absent) {
    const set = MODEL_NAMES.filter((other) => !absent.includes(other)).join(" and ");
    const why = `is not set, and ${set} is: a model needs ${MODEL_NAMES.join(", ")}; ` +
      "an endpoint without keys takes any text as its key";
    reader.fault(one, "incomplete", why);
  }
  if (url !== undefined) checkCalled<typeof MODEL_NAMES[number]>(reader, "TASKER_MODEL_URL", url);
  if (key !== undefined && (whyNoHeaderValue(key) !== undefined || /\s/.test(key))) {
    reader.fault(MODEL_KEY, "not_a_key", "cannot be sent in a header");
  }
  return url === undefined || name === undefined ? undefined : { url, name };
}

/** Checks the base of what the engine itself calls: the rules have to let it. */
export function checkCalled<Name extends string>(
  reader: CalledReader<Name>,
  name: Name,
  text: string,
): void {
  const faults = reader.faults.length;
  reader.url(name, ["https:", "http:"]);
  if (reader.faults.length > faults) return;
  const { search, hash, host } = new URL(text);
  if (search !== "" || hash !== "") {
    const expected = "expected a base, such as https://api.openai.com/v1";
    reader.fault(name, "not_a_base", `has a query or a fragment: ${expected}`);
  }
  const rules = reader.list("TASKER_EGRESS").reduce(
    (all, one) => withRule(all, one) ?? all,
    NO_RULES,
  );
  try {
    targetOf(rules, text);
  } catch (error) {
    const why = `cannot be called: ${messageOf(error)}; TASKER_EGRESS has to list ${host}`;
    reader.fault(name, "not_allowed", why);
  }
}
