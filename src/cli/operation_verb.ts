/** Verbs of operations: what they take, send and print is derived from the table. */

import { z } from "zod";
import {
  type CallName,
  ClientError,
  type EntryOf,
  type ListName,
  type OperationInput,
  type OperationName,
  type OperationResult,
} from "../client.ts";
import { DURATION_FORMS, parseDuration } from "../core/duration.ts";
import { inputJsonSchemaOf, inputSchemaOf, type Operation } from "../operations/operation.ts";
import { splitList } from "../operations/schema.ts";
import { operationNamed } from "../operations/table.ts";
import { CommandError, isOutcomeOpen } from "./failure.ts";
import { type Paint, valueText } from "./format.ts";
import { valueLines } from "./result_lines.ts";
import {
  EXIT_DONE,
  operand,
  type OptionShape,
  show,
  UsageError,
  type Verb,
  type VerbContext,
  type VerbShape,
} from "./verb.ts";

/** What is shown of an operation: all entries that were asked for, or its answer. */
export type Shown<Name extends OperationName> = Name extends ListName ? readonly EntryOf<Name>[]
  : OperationResult<Name>;

/** How an answer is shown. */
export interface AnswerView<Name extends OperationName> {
  readonly paint: Paint;
  readonly input: OperationInput<Name>;
}

/** What a verb does beyond sending its operation. Everything is optional. */
export interface VerbExtra<Name extends OperationName> {
  /** For the command line, where the table speaks of HTTP. */
  readonly summary?: string;
  /** What is sent for fields that are not typed. */
  readonly defaults?: Partial<OperationInput<Name>>;
  /** More options. */
  readonly options?: VerbShape["options"];
  /** Fields of the input that are made of options of another form. */
  readonly composed?: {
    readonly fields: readonly string[];
    readonly options: VerbShape["options"];
    /** @throws {UsageError} */
    read(context: Pick<VerbContext, "options">): Partial<OperationInput<Name>>;
  };
  /** What goes on while a long answer is made, for people who wait. */
  readonly waits?: string;
  /** Draws the answer for people; its fields in columns unless given. */
  readonly lines?: (answer: Shown<Name>, view: AnswerView<Name>) => readonly string[];
  /** Runs the verb, with a function that sends its operation, and what was given for it. */
  readonly run?: (
    context: VerbContext,
    send: (more?: Partial<OperationInput<Name>>) => Promise<Shown<Name>>,
    input: OperationInput<Name>,
  ) => Promise<number>;
}

/** The most entries listed unless `--limit` says. */
const LISTED = 50;
/** The most entries of one page. */
const PAGE_SIZE_MAX = 200;

const LIMIT: OptionShape = { value: "N", summary: `The most to list; ${LISTED} by default` };
const KEY: OptionShape = { value: "KEY", summary: "Names this command: a repeat changes nothing" };

/** Derives the verb of an operation. */
export function operationVerb<Name extends OperationName>(
  name: Name,
  verbName: string,
  extra: VerbExtra<Name> = {},
): Verb {
  const operation = operationNamed(name);
  const operands = operandsOf(operation);
  const { composed } = extra;
  const fields = fieldsOf(operation, operands, extra.defaults ?? {})
    .filter(({ names: [name = ""] }) => !composed?.fields.includes(name));
  return {
    name: verbName,
    operands: operands.map(({ label }) => label),
    options: {
      ...Object.fromEntries(fields.map(({ option, shape }) => [option, shape])),
      ...(operation.pages === undefined ? {} : { limit: LIMIT }),
      ...(operation.repeat === "command" ? { key: KEY } : {}),
      ...composed?.options,
      ...extra.options,
    },
    summary: extra.summary ?? operation.summary,
    isWrite: operation.method !== "GET",
    async run(context) {
      const named = namedBy(context, operands);
      const given = {
        ...named,
        ...await optionFields(context, fields),
        ...composed?.read(context),
      };
      demandFitting(operation, given, [...operands, ...fields]);
      const input = { ...extra.defaults, ...given } as OperationInput<Name>;
      const send = (more: Partial<OperationInput<Name>> = {}) =>
        waiting(
          context,
          extra.waits,
          () => sendOperation<Name>(operation, { context, input: { ...input, ...more } }),
        );
      if (extra.run !== undefined) {
        return await extra.run(context, async (more) => (await send(more)).shown, input);
      }
      const { shown, isMore } = await send();
      const value = unwrapped(shown ?? named);
      const { paint } = context;
      show(context, value, () => [
        ...extra.lines?.(shown, { paint, input }) ?? valueLines(value, paint),
        ...(isMore ? [paint("dim", `… there are more: --limit ${4 * limitOf(context)}`)] : []),
      ]);
      return EXIT_DONE;
    },
  };
}

/** How often a person who waits sees that it goes on. */
const STATUS_MS = 1_000;

/** Shows what goes on, and for how long, until an answer has come; what comes at once shows nothing. */
async function waiting<T>(
  { terminal, runtime }: Pick<VerbContext, "terminal" | "runtime">,
  text: string | undefined,
  send: () => Promise<T>,
): Promise<T> {
  if (text === undefined) return await send();
  const sinceMs = runtime.now();
  const again = () => {
    terminal.status(`${text} … ${Math.round((runtime.now() - sinceMs) / 1_000)} s`);
    cancel = runtime.after(STATUS_MS, again);
  };
  let cancel = runtime.after(STATUS_MS, again);
  try {
    return await send();
  } finally {
    cancel();
    terminal.status("");
  }
}

/** An answer that is nothing but a list is shown as that list. */
function unwrapped(answer: unknown): unknown {
  if (typeof answer !== "object" || answer === null) return answer;
  const [only, ...others] = Object.values(answer);
  return Array.isArray(only) && others.length === 0 ? only : answer;
}

/** Sends an operation; of a list, it reads as many pages as are asked for. */
async function sendOperation<Name extends OperationName>(
  { name, pages, repeat }: Operation,
  { context, input }: { readonly context: VerbContext; readonly input: OperationInput<Name> },
): Promise<{ readonly shown: Shown<Name>; readonly isMore: boolean }> {
  const { client, options, signal } = context;
  if (pages !== undefined) {
    const max = limitOf(context);
    const page = { ...input, limit: Math.min(PAGE_SIZE_MAX, max + 1) };
    const found: unknown[] = [];
    for await (const entry of client.entries(name as ListName, page as never, { signal })) {
      if (found.push(entry) > max) break;
    }
    return { shown: found.slice(0, max) as Shown<Name>, isMore: found.length > max };
  }
  const key = repeat === "command" ? options.get("key") ?? crypto.randomUUID() : undefined;
  const sent = client.call(name as CallName, input as never, { signal, idempotencyKey: key });
  const shown = await sent.catch((error: unknown) => explainOpenOutcome(error, key));
  return { shown: shown as Shown<Name>, isMore: false };
}

function limitOf({ options }: VerbContext): number {
  const limit = wholeNumber("limit", options.get("limit") ?? String(LISTED));
  if (limit > 0) return limit;
  throw new UsageError("Cannot read --limit 0: expected a number from 1");
}

/** A command that may have been carried out can be repeated safely, but only with its key. */
function explainOpenOutcome(error: unknown, key: string | undefined): never {
  const isOpen = key !== undefined && error instanceof ClientError && isOutcomeOpen(error.code);
  if (!isOpen) throw error;
  throw new CommandError(
    error.detail,
    "the server may have carried it out; no task is lost",
    `check that a server runs, then repeat the command with --key ${key}: it is carried out once`,
    error.code,
  );
}

/** A word of the command, and the fields that it gives. */
interface Operand {
  /** In brackets if it may be left out. */
  readonly label: string;
  readonly names: readonly string[];
}

/** Fields by position: a namespace and a name are one word, as everywhere. */
function operandsOf(operation: Operation): readonly Operand[] {
  const { path, command } = operation;
  const names = command?.operands ??
    [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const [namespace, name] = names;
  if (namespace === "namespace" && name !== undefined) {
    const label = name === "name" ? "WORKFLOW" : name.toUpperCase();
    return [{ label, names: [namespace, name] }];
  }
  const { shape } = inputSchemaOf(operation);
  return names.map((name) => {
    const isOptional = shape[name]?.safeParse(undefined).success ?? false;
    const label = name.toUpperCase();
    return { label: isOptional ? `[${label}]` : label, names: [name] };
  });
}

function namedBy(context: VerbContext, operands: readonly Operand[]): Record<string, string> {
  const fields = operands.flatMap(({ label, names }, index) => {
    const word = operand(context, index);
    if (word === "" && label.startsWith("[")) return [];
    if (names.length === 1) return names.map((name) => [name, word]);
    const parts = word.split("/");
    if (parts.length === names.length) return names.map((name, part) => [name, parts[part]]);
    throw new UsageError(`Cannot read ${label} "${word}": expected ${names.join("/")}`);
  });
  return Object.fromEntries(fields);
}

/** How the text of an option becomes a value. */
type Kind = "text" | "list" | "integer" | "duration" | "flag" | "json";

/** A field of the input that is typed as an option. */
interface Field extends Operand {
  readonly option: string;
  readonly kind: Kind;
  readonly shape: OptionShape;
}

/** What the JSON Schema of an input says about a field. */
interface FieldSchema {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly description?: string;
  readonly items?: FieldSchema;
  readonly anyOf?: readonly FieldSchema[];
}

/** Fields by option: all but the operands, and but where a page begins and how long it is. */
function fieldsOf(
  operation: Operation,
  operands: readonly Operand[],
  defaults: object,
): readonly Field[] {
  const { properties = {}, required = [] } = inputJsonSchemaOf(operation) as {
    readonly properties?: Readonly<Record<string, FieldSchema>>;
    readonly required?: readonly string[];
  };
  const left = [
    ...operands.flatMap(({ names }) => names),
    ...(operation.pages === undefined ? [] : ["limit", "cursor"]),
  ];
  return Object.entries(properties).filter(([name]) => !left.includes(name)).map(
    ([name, schema]) => fieldOf(name, schema, required.includes(name) && !(name in defaults)),
  );
}

function fieldOf(name: string, schema: FieldSchema, isRequired: boolean): Field {
  const kind = kindOf(name, schema);
  const option = (kind === "duration" ? name.slice(0, -"Ms".length) : name)
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const value = valueName(kind, option.toUpperCase(), schema);
  const choices = (schema.enum ?? schema.items?.enum ?? []).join(", ");
  const { description } = schema;
  const summary = choices === "" || value === choicesText(schema)
    ? description ?? ""
    : description === undefined
    ? `Of ${choices}`
    : `${description}; of ${choices}`;
  const shape = { ...(value === undefined ? {} : { value }), summary, isRequired };
  return { label: `--${option}`, names: [name], option, kind, shape };
}

function kindOf(name: string, { type, items }: FieldSchema): Kind {
  if (type === "string") return "text";
  if (type === "boolean") return "flag";
  if (type === "integer") return name.endsWith("Ms") ? "duration" : "integer";
  const isText = [items, ...items?.anyOf ?? []].some((item) => item?.type === "string");
  return type === "array" && isText ? "list" : "json";
}

/** Characters of a list of choices that the usage shows in place of a name; longer ones are explained. */
const CHOICES_LENGTH_MAX = 30;

/** What may be given, where that is short: `step|version|policy`. */
function choicesText({ enum: choices = [] }: FieldSchema): string | undefined {
  const text = choices.join("|");
  return text !== "" && text.length <= CHOICES_LENGTH_MAX ? text : undefined;
}

/** What stands for the value in the usage. */
function valueName(kind: Kind, label: string, schema: FieldSchema): string | undefined {
  const one = label.replace(/S$/, "");
  const names: Readonly<Record<Kind, string | undefined>> = {
    text: schema.format === "date-time" ? "TIME" : choicesText(schema) ?? label,
    list: `${one},${one}`,
    integer: "N",
    duration: "DURATION",
    flag: undefined,
    json: "JSON|@file",
  };
  return names[kind];
}

async function optionFields(
  context: VerbContext,
  fields: readonly Field[],
): Promise<Record<string, unknown>> {
  const given: Record<string, unknown> = {};
  for (const { names: [name = ""], option, kind } of fields) {
    const text = context.options.get(option);
    if (text !== undefined) given[name] = await valueOf(kind, { option, text, context });
  }
  return given;
}

function valueOf(
  kind: Kind,
  { option, text, context }: { option: string; text: string; context: VerbContext },
): unknown {
  switch (kind) {
    case "text":
      return text;
    case "list":
      return splitList(text);
    case "integer":
      return wholeNumber(option, text);
    case "duration":
      return duration(option, text);
    case "flag":
      return true;
    case "json":
      return context.json(option);
  }
}

/** The schema of an operation refuses here what the server would, and names the option. */
function demandFitting(
  operation: Operation,
  given: Readonly<Record<string, unknown>>,
  typed: readonly Operand[],
): void {
  const { shape } = inputSchemaOf(operation);
  for (const { label, names } of typed) {
    for (const name of names.filter((name) => given[name] !== undefined)) {
      const { error } = z.safeParse(shape[name] as z.ZodType, given[name]);
      const [issue] = error?.issues ?? [];
      if (issue === undefined) continue;
      const value = given[name];
      const [entry] = issue.path;
      // An option that takes several values is refused for the one that does not fit.
      const isEntry = Array.isArray(value) && typeof entry === "number";
      const path = isEntry ? issue.path.slice(1) : issue.path;
      const at = path.length === 0 ? "" : `${path.join(".")}: `;
      const message = issue.message.replace(/^Invalid (input|option): /, "");
      const shown = valueText(isEntry ? value[entry] : value);
      throw new UsageError(`Cannot read ${label} ${shown}: ${at}${message}`);
    }
  }
}

/** Reads a whole number from 0. @throws {UsageError} */
function wholeNumber(option: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`Cannot read --${option} "${text}": expected a whole number`);
}

/** Reads a duration in ms. @throws {UsageError} */
export function duration(option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new UsageError(`Cannot read --${option} "${text}": write it as ${DURATION_FORMS}`);
}
