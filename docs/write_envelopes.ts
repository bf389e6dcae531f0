/** Writes what `envelopes.md` lists, and `envelopes.schema.json`, out of the schemas of the engine. */

import { Envelope } from "../src/core/envelope.ts";
import { ENVELOPES, envelopeSchemaOf, type EnvelopeType } from "../src/operations/envelopes.ts";
import { JSON_SCHEMA } from "../src/operations/operation.ts";
import { z } from "zod";

const NAMES = Object.keys(ENVELOPES) as (keyof typeof ENVELOPES)[];

/** Returns all schemas as one document: each type of envelope is one of its `$defs`. */
export function schemasText(): string {
  const defs = Object.fromEntries(NAMES.map((name) => {
    const { $schema: _, ...schema } = envelopeSchemaOf(name);
    return [name, schema];
  }));
  const whole = { $schema: "https://json-schema.org/draft/2020-12/schema", $defs: defs };
  return JSON.stringify(whole, null, 2) + "\n";
}

/** Returns a text in which each list between `<!-- list: NAME -->` and `<!-- end -->` is current. */
export function withLists(text: string): string {
  return text.replaceAll(
    /(<!-- list: (\w+) -->)[^]*?(<!-- end -->)/g,
    (_all, begin: string, name: string, end: string) => `${begin}\n\n${listOf(name)}\n\n${end}`,
  );
}

function listOf(name: string): string {
  switch (name) {
    case "attributes":
      return attributes();
    case "types":
      return types();
    default:
      throw new Error(`there is no list "${name}"`);
  }
}

interface Property {
  readonly type?: string;
  readonly format?: string;
  readonly const?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly description?: string;
}

function attributes(): string {
  const schema = z.toJSONSchema(Envelope, JSON_SCHEMA);
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties as Readonly<Record<string, Property>>).map(
    ([name, property]) => [
      `\`${name}\``,
      formOf(property),
      required.has(name) ? "always" : neededBy(name),
      property.description ?? "The version of CloudEvents",
    ],
  );
  return table([["attribute", "form", "required in", "what it says"], ...rows]);
}

function formOf({ type, format, const: only, minLength, maxLength, minimum }: Property): string {
  if (only !== undefined) return `\`"${only}"\``;
  if (format === "date-time") return "RFC 3339 with an offset";
  if (maxLength !== undefined) return `text of ${minLength ?? 0} to ${maxLength} characters`;
  if (type === "integer") return `whole number from ${minimum}`;
  return "any JSON";
}

function neededBy(attribute: string): string {
  const names = NAMES.filter((name) => requiredOf(ENVELOPES[name]).includes(attribute));
  return names.length === 0 ? "-" : names.join(", ");
}

function requiredOf({ schema }: EnvelopeType): readonly string[] {
  return z.toJSONSchema(schema, JSON_SCHEMA).required ?? [];
}

function types(): string {
  const rows = NAMES.map((name) => {
    const { channel, summary, schema } = ENVELOPES[name];
    const { const: type } = z.toJSONSchema(schema, JSON_SCHEMA).properties?.["type"] as Property;
    return [name, `\`${type ?? "the step's event"}\``, `\`${channel}\``, summary];
  });
  return table([["schema", "type", "channel", "what it is for"], ...rows]);
}

/** A table as the formatter writes it. */
function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

if (import.meta.main) {
  const doc = new URL("envelopes.md", import.meta.url);
  await Deno.writeTextFile(doc, withLists(await Deno.readTextFile(doc)));
  await Deno.writeTextFile(new URL("envelopes.schema.json", import.meta.url), schemasText());
}
