/** Everything that can be wrong with a document of a workflow, by its code. Plain data, for browsers as well. */

/** Whether a document with such a problem is refused. */
export const SEVERITIES = ["error", "warning"] as const;

/** What a code means. */
interface Meaning {
  readonly name: string;
  /** Unless a single problem says something else. */
  readonly severity: (typeof SEVERITIES)[number];
  /** What is wrong, and how it is made right. */
  readonly text: string;
}

function error(name: string, text: string): Meaning {
  return { name, severity: "error", text };
}

function warning(name: string, text: string): Meaning {
  return { name, severity: "warning", text };
}

/** Everything that can be wrong with a document. Codes are stable: programs may compare them. */
export const PROBLEMS = {
  W01: error("unreadable", "The text cannot be read: correct it where the problem says"),
  W02: error("unknown_field", "Nobody reads the field: correct its name, or remove it"),
  W03: error("bad_name", "The name is taken, reserved or not valid: choose another one"),
  W04: error("unknown_step", "The step depends on one that is not there: name another one"),
  W05: error("cycle", "The steps wait for each other: disconnect one of them"),
  W06: warning("orphan", "The step cannot run, or has no part in the rest: connect it"),
  W07: error("no_steps", "The workflow has no steps: add one"),
  W08: error("too_large", "The document is larger or deeper than is taken: divide it"),
  W09: error("bad_value", "The field cannot have this value: write one that it can have"),
  W10: error("unknown_system", "The system is not known: name one that is, or declare it"),
  W11: error("unknown_capability", "Nobody offers the capability: name one that is offered"),
  W12: error("not_offered", "The owner does not offer the capability: name one that does"),
  W13: error("no_such_version", "It is not offered in this version: ask for one that is"),
  W14: warning("not_healthy", "No healthy instance of the system: its steps will wait"),
  W15: error("not_granted", "The key may not use the system: use another one, or ask for it"),
  W16: error("placeholder", "What does the step's work is still to be said: replace `todo`"),
  W20: error("no_source", "A field that is required has no source: map it"),
  W21: error("mismatch", "The value does not fit what takes it: map another one"),
  W22: error("unreadable_source", "The reference leads to nothing that can be read: correct it"),
  W23: error(
    "maybe_absent",
    "The value may be absent or null where it is required: map another one",
  ),
  W24: warning(
    "unhandled_error",
    "Nothing handles the error that the step states: add a failure path",
  ),
  W25: warning(
    "no_result_contract",
    "Others read a result that no contract describes: state `result`",
  ),
  W26: error("bad_schema", "The contract is not a JSON Schema that is supported: correct it"),
  W30: error(
    "bad_timeout",
    "The time-out is zero, too long or not a duration: write one such as 30s",
  ),
  W31: warning(
    "timeout_beyond",
    "The time-out does not fit the deadline or the capability: change it",
  ),
  W32: warning("unsafe_retry", "A repeat cannot be taken back: set `at_most_once`, or one attempt"),
  W33: error("unbounded", "There are more attempts than is allowed: lower `attempts_max`"),
  W34: error(
    "no_failure_path",
    "The description asks for a failure path: add a step with `when: failed`",
  ),
  W35: warning(
    "no_compensation",
    "Nothing takes back what cannot be repeated: add a step with `when: failed`",
  ),
  W40: error("undeclared_access", "The code uses what its permissions do not allow: remove that"),
  W41: error("secret", "The document holds a secret: name it as `{ secret: NAME }` instead"),
  W42: error(
    "foreign_url",
    "The request may go to a host that is not registered: name one that is",
  ),
  W43: warning("foreign_template", "The text holds a template of another language: remove it"),
  W44: error("not_compiling", "The module does not compile: correct what the compiler says"),
  W45: warning(
    "no_approval",
    "The step destroys something, and nobody approves it: wait for a signal before",
  ),
  W50: warning(
    "not_described",
    "No part of the description asks for the step: remove it, or say why",
  ),
  W51: error("not_covered", "No step does what the description says there: add one"),
  W52: error("near_miss", "The name is only like one that exists: choose the right one"),
} as const satisfies Record<string, Meaning>;

/** One of `PROBLEMS`. */
export type ProblemCode = keyof typeof PROBLEMS;
