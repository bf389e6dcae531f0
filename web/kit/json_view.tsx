/** JSON values, as people read them; what a contract marks as not to be shown is hidden. */

import type { JsonSchema } from "../../src/core/workflow.ts";

/** Characters that are shown; the command line shows the rest. */
const SHOWN_MAX = 20_000;

/** What stands for a value that a contract marks with `writeOnly`. */
const HIDDEN = "•••• hidden: writeOnly";

/** How deep schemas are followed. */
const DEPTH_MAX = 20;

/** A value; `schema` is its contract. */
export function JsonView({ value, schema, label }: {
  readonly value: unknown;
  readonly schema?: JsonSchema | undefined;
  readonly label: string;
}) {
  const text = JSON.stringify(withoutHidden(value, schema, 0), undefined, 2) ?? "nothing";
  const isCut = text.length > SHOWN_MAX;
  return (
    <pre className="json" tabIndex={0} role="region" aria-label={label}>
      {text.slice(0, SHOWN_MAX)}
      {isCut && `\n… ${text.length - SHOWN_MAX} characters more`}
    </pre>
  );
}

/** Hides by the fields and items that a schema names; what only the server can follow stays as it is. */
function withoutHidden(value: unknown, schema: unknown, depth: number): unknown {
  if (!isObject(schema) || depth > DEPTH_MAX) return value;
  if (schema.writeOnly === true && value !== undefined) return HIDDEN;
  if (Array.isArray(value)) {
    return value.map((item) => withoutHidden(item, schema.items, depth + 1));
  }
  const { properties } = schema;
  if (!isObject(value) || !isObject(properties)) return value;
  const fields = Object.entries(value).map(([name, field]) =>
    [name, withoutHidden(field, properties[name], depth + 1)] as const
  );
  return Object.fromEntries(fields);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
