/** Forms: what a task waits for from a person, as questions that MCP clients can show, and their answers. */

import type { InputRequest } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Client, Key, Task } from "../client.ts";
import type { Scope } from "../core/api_key.ts";
import type { JsonSchema } from "../core/workflow.ts";
import { BadArguments } from "./failure.ts";
import { shownText } from "./shown.ts";

type Step = Task["steps"][number];

/** Characters of a question. */
const QUESTION_LENGTH_MAX = 1_000;

/** Fields of a form that a person can be expected to fill in. */
const FIELDS_MAX = 20;

/** The field of a form whose value is not an object of simple fields. */
const WHOLE = "value";

/** What clients can show of a field (MCP 2026-07-28, `PrimitiveSchemaDefinition`). */
const FIELD_KEYWORDS = [
  "type",
  "title",
  "description",
  "enum",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "default",
];
const FIELD_FORMATS = ["email", "uri", "date", "date-time"];
const FIELD_TYPES = ["string", "number", "integer", "boolean"];

/** What a task waits for. */
export type Wait =
  | { readonly kind: "signal"; readonly step: string; readonly form: JsonSchema }
  | { readonly kind: "choice"; readonly step: string; readonly choices: readonly string[] };

/** A question, and what it is about. */
export interface Question {
  readonly wait: Wait;
  readonly request: InputRequest;
}

/** How a form is filled in: by the fields of an object, by one field, or by JSON as text. */
type Shape = "fields" | "whole" | "json";

/**
 * Returns what a task waits for from a person, as far as the key may answer it. Names are unique in the
 * life of a task: a step waits for its signal, or is parked, once an attempt.
 */
export function questionsOf(
  task: Task,
  { scopes }: Pick<Key, "scopes">,
): ReadonlyMap<string, Question> {
  const may = (scope: Scope) => scopes.includes(scope) || scopes.includes("admin");
  const questions = new Map<string, Question>();
  for (const step of task.steps) {
    if (isAwaitedSignal(step) && may("write")) {
      const wait = { kind: "signal", step: step.name, form: step.form ?? {} } as const;
      const again = step.attempt > 1 ? `:${step.attempt}` : "";
      questions.set(`signal:${step.name}${again}`, { wait, request: signalForm(task, wait) });
    } else if (step.state === "parked" && may("operate")) {
      const choices = step.options?.map(({ choice }) => choice) ?? step.choices ?? [];
      const wait = { kind: "choice", step: step.name, choices } as const;
      const request = choiceForm(task, step, wait);
      questions.set(`choice:${step.name}:${step.attempt}`, { wait, request });
    }
  }
  return questions;
}

function isAwaitedSignal({ kind, state }: Step): boolean {
  return kind === "signal" && state === "waiting_for_reply";
}

function signalForm(task: Task, { step, form }: Wait & { kind: "signal" }): InputRequest {
  const { fields, required } = fieldsOf(form);
  return questionOf(
    `Task ${task.id} of ${task.namespace}/${task.workflow} waits for "${step}"`,
    fields,
    required,
  );
}

function choiceForm(task: Task, step: Step, { choices }: Wait & { kind: "choice" }): InputRequest {
  const labels = step.options?.map(({ choice, label }) => `${choice}: ${label}`).join("; ") ?? "";
  return questionOf(
    `Step "${step.name}" of task ${task.id} is parked: ${step.parkedReason ?? ""}. ${labels}`,
    {
      choice: { type: "string", enum: [...choices], title: "How the step goes on" },
      reason: { type: "string", maxLength: 2_000, title: "Why, for the journal" },
      result: { type: "string", title: "The result as JSON, for a choice that needs one" },
    },
    ["choice"],
  );
}

function questionOf(
  text: string,
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
): InputRequest {
  const requestedSchema = { type: "object", properties, required };
  const message = shownText(text, QUESTION_LENGTH_MAX);
  return {
    method: "elicitation/create",
    params: { mode: "form", message, requestedSchema },
  } as InputRequest;
}

/** What a contract asks for, as simple fields; else one field that takes JSON as text. */
function fieldsOf(
  form: JsonSchema,
): { readonly shape: Shape; readonly fields: Record<string, JsonSchema>; required: string[] } {
  const properties = Object.entries((form.properties ?? {}) as Record<string, JsonSchema>);
  const isFlat = form.type === "object" && properties.length > 0 &&
    properties.length <= FIELDS_MAX && properties.every(([, field]) => isSimple(field));
  if (isFlat) {
    const fields = properties.map(([name, field]) => [name, simple(field)]);
    const required = Array.isArray(form.required) ? form.required.map(String) : [];
    return { shape: "fields", fields: Object.fromEntries(fields), required };
  }
  if (isSimple(form)) {
    return { shape: "whole", fields: { [WHOLE]: simple(form) }, required: [WHOLE] };
  }
  const field = { type: "string", title: "The payload as JSON", default: "null" };
  return { shape: "json", fields: { [WHOLE]: field }, required: [] };
}

function isSimple(field: JsonSchema): boolean {
  if (!FIELD_TYPES.includes(String(field.type))) return false;
  return field.enum === undefined || field.type === "string";
}

function simple(field: JsonSchema): JsonSchema {
  const kept = FIELD_KEYWORDS.filter((name) => field[name] !== undefined);
  const format = FIELD_FORMATS.includes(String(field.format)) ? { format: field.format } : {};
  return { ...Object.fromEntries(kept.map((name) => [name, field[name]])), ...format };
}

/** An answer to a question: what the client brings, as it came. */
interface Answered {
  readonly task: Task;
  readonly name: string;
  readonly question: Question;
  readonly answer: unknown;
}

/** What a person chose about a parked step. */
const ChoiceContent = z.strictObject({
  choice: z.string(),
  reason: z.string().optional(),
  result: z.string().optional(),
});

/**
 * Sends what a person answered. Who declines or closes a form leaves the task waiting, as its workflow
 * says. The contract is checked where the answer arrives.
 *
 * @throws {BadArguments} for an answer that cannot be read
 * @throws {ClientError} contract.violation, step.choice_invalid, …
 */
export async function answerQuestion(
  client: Client,
  { task, name, question: { wait }, answer }: Answered,
): Promise<void> {
  const { data } = FormAnswer.safeParse(answer);
  if (data === undefined) throw new BadArguments(`Cannot read the answer to "${name}"`);
  if (data.action !== "accept") return;
  const content = data.content ?? {};
  const idempotencyKey = `mcp-${name}`;
  if (wait.kind === "signal") {
    const payload = payloadOf(wait, content);
    await client.signal(task.id, wait.step, { payload, idempotencyKey });
    return;
  }
  const chosen = ChoiceContent.safeParse(content).data;
  if (chosen === undefined) throw new BadArguments(`Cannot read the answer to "${name}"`);
  const { choice, reason, result } = chosen;
  const given = result === undefined || result === "" ? {} : { result: jsonOf(result, "result") };
  const input = { id: task.id, step: wait.step, choice, ...given };
  await client.call("chooseStep", { ...input, ...(reason !== undefined && { reason }) }, {
    idempotencyKey,
  });
}

/** What a client answers to a form (MCP, `ElicitResult`). */
const FormAnswer = z.looseObject({
  action: z.enum(["accept", "decline", "cancel"]),
  content: z.record(z.string(), z.unknown()).optional(),
});

/** @throws {BadArguments} when it should be JSON and is not */
function payloadOf(
  { form }: Wait & { kind: "signal" },
  content: Readonly<Record<string, unknown>>,
): unknown {
  const { shape } = fieldsOf(form);
  if (shape === "fields") return content;
  return shape === "whole" ? content[WHOLE] : jsonOf(content[WHOLE] ?? "null", WHOLE);
}

/** @throws {BadArguments} */
function jsonOf(text: unknown, field: string): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    throw new BadArguments(`Cannot read "${field}": it is not valid JSON`);
  }
}
