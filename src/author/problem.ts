/** Problems of documents: what reading and checking find, as codes with their places. Pure, and small. */

import type { Problem } from "../core/authoring.ts";
import type { Fault } from "../core/errors.ts";
import { type ProblemCode, PROBLEMS } from "../core/problem_codes.ts";
import type { Position } from "../core/workflow_module.ts";
import { type Fields, type Path, valueAt } from "./document.ts";
import { isRecord } from "./yaml_text.ts";

/** A fault, and its place in the text, where that is known. */
type PlacedFault = Fault & { readonly at?: Position | undefined; readonly near?: string };

/** Codes of faults that always mean the same. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  alias: "W01",
  bad_alias: "W03",
  bad_key: "W01",
  bad_name: "W03",
  bad_number: "W01",
  bad_reference: "W22",
  bad_schema: "W26",
  bad_text: "W01",
  bad_url: "W41",
  bad_yaml: "W01",
  empty: "W01",
  gives_nothing: "W22",
  "graph.cycle": "W05",
  "graph.invalid": "W08",
  maybe_absent: "W23",
  name_taken: "W03",
  no_steps: "W07",
  no_such_field: "W22",
  not_expected: "W21",
  not_of_kind: "W02",
  placeholder: "W16",
  required: "W20",
  schema_unusable: "W26",
  secret_to_any_host: "W42",
  too_deep: "W08",
  too_large: "W08",
  two_kinds: "W02",
  type_mismatch: "W21",
  unknown_field: "W02",
  unknown_format: "W26",
  unknown_keyword: "W26",
  unknown_system: "W10",
  when_without_parents: "W06",
  with_missing: "W20",
};

/** Fields that are durations. */
const DURATIONS: ReadonlySet<unknown> = new Set([
  "timeout",
  "queue_timeout",
  "heartbeat",
  "deadline",
  "sleep",
]);

/** Problems that are listed: the first ones often cause the rest. */
export const PROBLEMS_MAX = 500;

/** Turns faults into problems. `value` is what the document says, as far as it could be read. */
export function problemsOf(
  faults: readonly PlacedFault[],
  value: Fields | undefined,
): readonly Problem[] {
  const known: KeyLengths = new Map();
  return faults.slice(0, PROBLEMS_MAX).map((fault) => {
    const path = pathIn(value, fault.path, known);
    const code = codeOf(fault, path, value);
    const fix = fault.near === undefined ? undefined : renamedField(path, fault.near, value);
    return problem(code, { path, at: fault.at, text: fault.detail, fix });
  });
}

/** A field whose name is nearly right, where the right one is not there yet. */
function renamedField(path: Path, near: string, value: Fields | undefined): Problem["fix"] {
  const [first, index, ...field] = path;
  const step = first === "workflow_steps" ? valueAt(value, [first, index ?? ""]) : undefined;
  const holder = valueAt(value, path.slice(0, -1));
  const key = field.at(-1);
  const isFree = isRecord(holder) && !Object.hasOwn(holder, near);
  if (key === undefined || !isFree || !isRecord(step) || typeof step.name !== "string") {
    return undefined;
  }
  const { name } = step;
  return {
    label: `Rename "${key}" to "${near}"`,
    edits: [
      { kind: "unset", step: name, field },
      {
        kind: "set",
        step: name,
        field: [...field.slice(0, -1), near],
        value: valueAt(value, path),
      },
    ],
  };
}

/** Makes a problem. */
export function problem(
  code: ProblemCode,
  { path, at, text, severity, fix }: {
    readonly path: Path;
    readonly at: Position | undefined;
    readonly text: string;
    readonly severity?: Problem["severity"];
    readonly fix?: Problem["fix"] | undefined;
  },
): Problem {
  const { name, severity: usual } = PROBLEMS[code];
  return {
    code,
    name,
    severity: severity ?? usual,
    path: [...path],
    ...(at !== undefined && { at }),
    text,
    ...(fix !== undefined && { fix }),
  };
}

/** Why a text is no document. */
export function unreadable(at: Position, text: string) {
  return { ok: false, problems: [problem("W01", { path: [], at, text })] } as const;
}

function codeOf(
  { code }: Fault,
  path: Path,
  value: Fields | undefined,
): ProblemCode {
  const key = path.at(-1);
  if (code === "unknown_step") {
    return key === "depends_on" || path[2] === "depends_on" ? "W04" : "W22";
  }
  if (code === "no_capability") return unofferedCode(path, value);
  if (code === "bad_binding") return path.length === 2 ? "W16" : "W02";
  const known = CODES[code];
  if (known !== undefined) return known;
  if (path.length <= 1 && (key === "workflow_steps" || key === "steps")) return "W07";
  if (DURATIONS.has(key)) return "W30";
  return key === "attempts_max" ? "W33" : "W09";
}

/** Whether the owner has it in another version, another system has it, or nobody. */
function unofferedCode(path: Path, value: Fields | undefined): ProblemCode {
  const step = valueAt(value, path.slice(0, 2)) as Fields | undefined;
  const [name = ""] = String(step?.capability ?? "").split("@");
  const systems = Object.entries((value?.systems ?? {}) as Record<string, Fields>);
  const offering = systems.filter(([, system]) => namesOffered(system).includes(name))
    .map(([system]) => system);
  if (offering.includes(String(step?.owner))) return "W13";
  return offering.length > 0 ? "W12" : "W11";
}

/** The names of the capabilities that a manifest declares of a system. */
export function namesOffered(system: Fields | undefined): readonly string[] {
  const capabilities = Array.isArray(system?.capabilities) ? system.capabilities : [];
  return capabilities.map((one: unknown) =>
    typeof one === "object" && one !== null && "name" in one ? String(one.name) : String(one)
  );
}

/** Lengths of the keys of a value that were looked at, the longest first. */
type KeyLengths = Map<unknown, readonly number[]>;

/**
 * Reads a path as faults write it. Keys may hold dots and brackets, so the keys that are there decide.
 *
 * Cost: O(keys) once for each value on the way, kept in `known`; then the lengths that keys have.
 */
function pathIn(value: unknown, readable: string, known: KeyLengths): Path {
  const path: (string | number)[] = [];
  let rest = readable;
  let inner = value;
  while (rest !== "") {
    const index = /^\[(\d+)\]/.exec(rest);
    if (index !== null && (Array.isArray(inner) || inner === undefined)) {
      path.push(Number(index[1]));
      rest = rest.slice(index[0].length);
    } else {
      rest = rest.replace(/^\./, "");
      const key = keyAt(inner, rest, known) ?? /^[^.[]*/.exec(rest)?.[0] ?? rest;
      path.push(key === "" ? rest : key);
      rest = key === "" ? "" : rest.slice(key.length);
    }
    inner = valueAt(inner, path.slice(-1));
  }
  return path;
}

/** The longest key of a value that a path begins with. */
function keyAt(value: unknown, rest: string, known: KeyLengths): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  let lengths = known.get(value);
  if (lengths === undefined) {
    const all = new Set(Object.keys(value).map((key) => key.length));
    known.set(value, lengths = [...all].sort((a, b) => b - a));
  }
  const length = lengths.find((one) =>
    (one === rest.length || rest[one] === "." || rest[one] === "[") &&
    Object.hasOwn(value, rest.slice(0, one))
  );
  return length === undefined ? undefined : rest.slice(0, length);
}
