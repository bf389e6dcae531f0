/** The OpenAPI document: written from the routes themselves, so that it leaves none out. */

import { z } from "zod";
import { type ErrorCode, ERRORS } from "../core/errors.ts";
import { COMMON_PROBLEMS, Problem, PROBLEM_MEDIA_TYPE } from "./problem.ts";
import type { AnswerShape, Route } from "./route.ts";
import { SCHEMAS } from "./schema.ts";

type Json = Readonly<Record<string, unknown>>;

const SECURITY_SCHEME = "key";
const SCHEMA_OPTIONS = { io: "input", unrepresentable: "any" } as const;

/** Writes the document of a list of routes. Shape: OpenAPI 3.1.0. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Tasker",
      version,
      description: "Starts durable tasks, shows them, and takes what people decide about them.",
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
          description: "An API key. Each operation names the scope it asks for in `x-scope`.",
        },
      },
    },
  };
}

function operationOf(route: Route): Json {
  const { name, group, summary, right, answers, repeat } = route;
  return {
    operationId: name,
    tags: [group],
    summary,
    ...(right === "open" ? { security: [] } : { "x-scope": right }),
    parameters: [
      ...parametersOf(route.shapes.params, "path"),
      ...parametersOf(route.shapes.query, "query"),
      ...(route.method === "GET" || repeat === "harmless" ? [] : [IDEMPOTENCY_KEY]),
    ],
    ...bodyOf(route.shapes.body),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)]),
      ),
      ...problemsOf(route),
    },
  };
}

const IDEMPOTENCY_KEY: Json = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "A repeat under the same key gets the first answer",
  schema: { type: "string", maxLength: 200 },
};

function parametersOf(schema: z.ZodType, place: "path" | "query"): readonly Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, SCHEMA_OPTIONS);
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

function answerOf({ description, schema, mediaType }: AnswerShape): Json {
  if (schema !== undefined) {
    return {
      description,
      content: { [mediaType ?? "application/json"]: { schema: refTo(schema) } },
    };
  }
  if (mediaType === undefined) return { description };
  return { description, content: { [mediaType]: { schema: { type: "string" } } } };
}

/** One response a status, naming all codes that come with it. */
function problemsOf({ right, problems }: Route): Json {
  const access: readonly ErrorCode[] = right === "open"
    ? []
    : ["api.unauthorized", "api.forbidden"];
  const codes = [...new Set([...problems, ...access, ...COMMON_PROBLEMS])].sort();
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].http);
  return Object.fromEntries([...byStatus].map(([status, with_]) => [
    String(status),
    {
      description: with_.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join("; "),
      content: { [PROBLEM_MEDIA_TYPE]: { schema: refTo(Problem) } },
    },
  ]));
}

function refTo(schema: z.ZodType): Json {
  const id = SCHEMAS.get(schema)?.id;
  return id === undefined ? z.toJSONSchema(schema, SCHEMA_OPTIONS) as Json : { $ref: uriOf(id) };
}

function uriOf(id: string): string {
  return `#/components/schemas/${id}`;
}

function componentSchemas(): Json {
  const { schemas } = z.toJSONSchema(SCHEMAS, { ...SCHEMA_OPTIONS, uri: uriOf });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, schema]),
  );
}
