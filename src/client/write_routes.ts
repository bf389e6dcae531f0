/**
 * Writes `routes.ts` from the table of operations, so that the client needs neither the table nor
 * zod: they are 480 kB of a bundle, the client is 15 kB. Run it when an operation is new or its
 * route changes: `deno run --allow-write=src/client src/client/write_routes.ts`.
 */

import type { Operation } from "../operations/operation.ts";
import { OPERATIONS } from "../operations/table.ts";
import type { Route } from "./http.ts";

const HEAD =
  `/** How each operation is sent. Written by \`write_routes.ts\` from the table of operations. */

import type { OperationName } from "../operations/table.ts";
import type { Route } from "./http.ts";

/** A route for every operation. */
export const ROUTES: Readonly<Record<OperationName, Route>> = {
`;

/** As in deno.json, and the line break. */
const LINE_LENGTH_MAX = 101;

/** Returns the text of `routes.ts`. */
export function routesText(): string {
  const entries = Object.entries(OPERATIONS).map(([name, operation]) =>
    entryText(name, routeOf(operation))
  );
  return `${HEAD}${entries.join("")}};\n`;
}

function routeOf(operation: Operation): Route {
  const { method, path, repeat, query, body, bodyName, longLived, pages, answerMsMax } = operation;
  const queryFields = Object.keys(query.shape);
  return {
    method,
    path,
    ...(body === undefined ? {} : { body: bodyName ?? "*" }),
    ...(body === undefined || queryFields.length === 0 ? {} : { query: queryFields }),
    ...(repeat === "harmless" ? {} : { isWrite: true }),
    ...(longLived === "poll" ? { isLongPoll: true } : {}),
    ...(answerMsMax === undefined ? {} : { answerMsMax }),
    ...(pages === undefined ? {} : { pages }),
  };
}

/** An entry as the formatter leaves it. */
function entryText(name: string, route: Route): string {
  const fields = Object.entries(route).map(([field, value]) => `${field}: ${valueText(value)}`);
  const line = `  ${name}: { ${fields.join(", ")} },\n`;
  if (line.length <= LINE_LENGTH_MAX) return line;
  return `  ${name}: {\n${fields.map((field) => `    ${field},\n`).join("")}  },\n`;
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([field, inner]) => `${field}: ${valueText(inner)}`);
  return `{ ${fields.join(", ")} }`;
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("routes.ts", import.meta.url), routesText());
}
