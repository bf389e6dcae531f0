/** The OpenAPI document: derived from the table of operations, so that it leaves none out. */

import { z } from "zod";
import { ERRORS } from "../core/errors.ts";
import { type Answer, JSON_SCHEMA, type Operation } from "./operation.ts";
import { errorsOf, Problem, PROBLEM_MEDIA_TYPE } from "./problem.ts";
import { IDEMPOTENCY_KEY_LENGTH_MAX, SCHEMAS } from "./schema.ts";

type Json = Readonly<Record<string, unknown>>;

const SECURITY_SCHEME = "key";

/** Writes the document of a list of operations. Shape: OpenAPI 3.1.0. */
export function openApiDocument(operations: readonly Operation[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = describe(operation);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Tasker",
      version,
      description:
        "Starts durable tasks, shows them, and takes the decisions of people about them.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ [SECURITY_SCHEME]: [] }],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        [SECURITY_SCHEME]: {
          type: "http",
          scheme: "bearer",
          description:
            "An API key. `x-scope` of an operation names the scope that the key needs, if it needs one.",
        },
      },
    },
  };
}

function describe(operation: Operation): Json {
  const { name, group, summary, right, method, params, query, body, answers, repeat } = operation;
  return {
    operationId: name,
    tags: [group],
    summary,
    ...(right === "open" ? { security: [] } : right === "key" ? {} : { "x-scope": right }),
    parameters: [
      ...parametersOf(params, "path"),
      ...parametersOf(query, "query"),
      ...(method === "GET" || repeat === "harmless" ? [] : [IDEMPOTENCY_KEY]),
    ],
    ...bodyOf(body),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)]),
      ),
      ...problemsOf(operation),
    },
  };
}

const IDEMPOTENCY_KEY: Json = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "A repeat under the same key gets the first answer",
  schema: { type: "string", maxLength: IDEMPOTENCY_KEY_LENGTH_MAX },
};

function parametersOf(schema: z.ZodType, place: "path" | "query"): readonly Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, JSON_SCHEMA);
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: property,
  }));
}

function bodyOf(schema: z.ZodType | undefined): Json {
  if (schema === undefined) return {};
  return {
    requestBody: {
      required: !schema.safeParse(undefined).success,
      content: { "application/json": { schema: refTo(schema) } },
    },
  };
}

function answerOf({ description, schema, mediaType }: Answer): Json {
  if (schema !== undefined) {
    return {
      description,
      content: { [mediaType ?? "application/json"]: { schema: refTo(schema) } },
    };
  }
  if (mediaType === undefined) return { description };
  return { description, content: { [mediaType]: { schema: { type: "string" } } } };
}

/** One response for each status, naming all codes that come with it. */
function problemsOf(operation: Operation): Json {
  const byStatus = Map.groupBy(errorsOf(operation), (code) => ERRORS[code].http);
  return Object.fromEntries([...byStatus].map(([status, codes]) => [
    String(status),
    {
      description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join("; "),
      content: { [PROBLEM_MEDIA_TYPE]: { schema: refTo(Problem) } },
    },
  ]));
}

function refTo(schema: z.ZodType): Json {
  const id = SCHEMAS.get(schema)?.id;
  return id === undefined ? z.toJSONSchema(schema, JSON_SCHEMA) as Json : { $ref: uriOf(id) };
}

function uriOf(id: string): string {
  return `#/components/schemas/${id}`;
}

function componentSchemas(): Json {
  const { schemas } = z.toJSONSchema(SCHEMAS, { ...JSON_SCHEMA, uri: uriOf });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, schema]),
  );
}
