import { deepEqual, equal, ok } from "node:assert/strict";
import { z } from "zod";
import type { Handlers } from "../api/handler.ts";
import { AUDIT } from "./audit.ts";
import { EXPORTS } from "./exports.ts";
import { FORKS } from "./forks.ts";
import { MANY_TASKS } from "./many_tasks.ts";
import { BUS } from "./bus.ts";
import { CHANGES } from "./changes.ts";
import { CONTRACTS } from "./contracts.ts";
import { DEAD_LETTERS } from "./dead_letters.ts";
import { DEPLOYMENTS } from "./deployments.ts";
import { DOCUMENTS } from "./documents.ts";
import { HEALING } from "./healing.ts";
import { KEYS } from "./keys.ts";
import { DESCRIPTION, HEALTH } from "./node.ts";
import {
  group,
  inputJsonSchemaOf,
  type InputOf,
  JSON_SCHEMA,
  type Operation,
  operation,
  type ResultOf,
} from "./operation.ts";
import { DIAGNOSES } from "./diagnoses.ts";
import { OPTIMISER } from "./optimiser.ts";
import { POLICIES } from "./policies.ts";
import { SESSIONS } from "./sessions.ts";
import { STATISTICS } from "./statistics.ts";
import { STEP_LOGS } from "./step_logs.ts";
import { SYSTEMS } from "./systems.ts";
import { OPERATIONS } from "./table.ts";
import { TASKS } from "./tasks.ts";
import { TRIGGERS } from "./triggers.ts";
import { WEBHOOKS } from "./webhooks.ts";
import { WORKFLOWS } from "./workflows.ts";

const NOUNS = [
  TASKS,
  MANY_TASKS,
  EXPORTS,
  FORKS,
  STEP_LOGS,
  WORKFLOWS,
  DEPLOYMENTS,
  DOCUMENTS,
  SYSTEMS,
  CONTRACTS,
  OPTIMISER,
  DIAGNOSES,
  STATISTICS,
  HEALING,
  POLICIES,
  CHANGES,
  KEYS,
  AUDIT,
  SESSIONS,
  WEBHOOKS,
  TRIGGERS,
  DEAD_LETTERS,
  BUS,
  HEALTH,
  DESCRIPTION,
];
const ALL: readonly Operation[] = Object.values(OPERATIONS);

function fieldsOf(of: Operation): string[] {
  return Object.keys(inputJsonSchemaOf(of).properties ?? {});
}

/** Calls that need a right to change something, and are not in the audit. */
const UNAUDITED = {
  checkStart: "starts nothing",
  pollBus: "an envelope is in the journal, with who was to have it",
  replyBus: "a reply is in the journal",
  registerInstance: "it renews a lease every few seconds; who registers is in the registry",
};

Deno.test("an operation that changes something is in the audit, or is named here with why not", () => {
  const changes = ALL.filter(({ method, right }) =>
    method !== "GET" && right !== "read" && right !== "open"
  );

  const unaudited = changes.filter(({ audit }) => audit === undefined);

  deepEqual(unaudited.map(({ name }) => name).toSorted(), Object.keys(UNAUDITED).toSorted());
});

Deno.test("what the audit shows of a call are fields of its input or of its answer", () => {
  for (const { name, audit, answers, ...operation } of ALL as readonly Operation[]) {
    const wanted = [...`${audit?.target} ${audit?.undo}`.matchAll(/\{(\w+)\}/g)];
    const fields = [
      ...fieldsOf({ name, answers, ...operation }),
      ...Object.values(answers).flatMap(({ schema }) =>
        schema === undefined
          ? []
          : Object.keys(z.toJSONSchema(schema, JSON_SCHEMA).properties ?? {})
      ),
    ];

    deepEqual(wanted.flatMap(([, field = ""]) => fields.includes(field) ? [] : [field]), [], name);
  }
});

Deno.test("no two operations have one name, or one method and path", () => {
  const names = NOUNS.flatMap((of) => Object.keys(of));
  const routes = ALL.map(({ method, path }) => `${method} ${path}`);

  deepEqual(names.toSorted(), Object.keys(OPERATIONS).toSorted());
  deepEqual(names.toSorted(), ALL.map(({ name }) => name).toSorted());
  equal(new Set(routes).size, routes.length);
});

Deno.test("an input field is in the path, the query or the body, and in one of them only", () => {
  for (const of of ALL) {
    const { params, query } = of;
    const fields = fieldsOf(of);
    const body = fields.filter((name) => !(name in params.shape) && !(name in query.shape));
    const given = [...Object.keys(params.shape), ...Object.keys(query.shape), ...body];
    const bodySchema = of.bodyName === undefined && of.body !== undefined
      ? z.toJSONSchema(of.body, JSON_SCHEMA).properties ?? {}
      : {};

    equal(new Set(given).size, given.length, of.name);
    for (const name of Object.keys(bodySchema)) ok(body.includes(name), `${of.name}: ${name}`);
  }
});

Deno.test("the fields of an operation's path are its parameters", () => {
  for (const { name, path, params } of ALL) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, field]) => field);
    deepEqual(inPath.toSorted(), Object.keys(params.shape).toSorted(), name);
  }
});

Deno.test("every input and every JSON answer is an object with a JSON Schema", () => {
  for (const of of ALL) {
    equal(inputJsonSchemaOf(of).type, "object", of.name);
    for (const { schema } of Object.values(of.answers)) {
      if (schema !== undefined) equal(z.toJSONSchema(schema, JSON_SCHEMA).type, "object", of.name);
    }
  }
});

Deno.test("pages, locations and operands name fields that are there", () => {
  for (const of of ALL) {
    const fields = fieldsOf(of);
    const result = Object.values(of.answers).flatMap(({ schema }) =>
      schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
    );
    if (of.pages !== undefined) {
      ok(fields.includes(of.pages.from), of.name);
      ok(result.includes(of.pages.entries) && result.includes(of.pages.next), of.name);
    }
    for (const operand of of.command?.operands ?? []) ok(fields.includes(operand), of.name);
    for (const { location = "" } of Object.values(of.answers)) {
      for (const [, field = ""] of location.matchAll(/\{(\w+)\}/g)) {
        ok(result.includes(field), of.name);
      }
    }
  }
});

Deno.test("types of inputs and answers come from the schemas", () => {
  const input: InputOf<typeof OPERATIONS["startTask"]> = { workflow: "shop/checkout" };
  // @ts-expect-error a list of tasks has no such filter
  const wrong: InputOf<typeof OPERATIONS["listTasks"]> = { colour: "red" };
  const gone: ResultOf<typeof OPERATIONS["removeKey"]> = undefined;
  const PETS = group("pets", {
    getPet: operation({
      method: "GET",
      path: "/pets",
      summary: "Shows a pet",
      right: "read",
      repeat: "harmless",
      answers: { 200: { description: "It", schema: z.object({ name: z.string() }) } },
      errors: [],
    }),
  });
  // @ts-expect-error its handler is missing
  const none: Handlers<typeof PETS> = {};
  const bad: Handlers<typeof PETS> = {
    // @ts-expect-error its answer is not the one of the schema
    getPet: () => Promise.resolve({ status: 200, body: { name: 1 } }),
  };
  const good: Handlers<typeof PETS> = {
    getPet: () => Promise.resolve({ status: 200, body: { name: "Rex" } }),
  };

  deepEqual([input.workflow, Object.keys(wrong), gone], ["shop/checkout", ["colour"], undefined]);
  deepEqual([none, bad, good].map((of) => Object.keys(of).length), [0, 1, 1]);
  equal(PETS.getPet.name, "getPet");
});
