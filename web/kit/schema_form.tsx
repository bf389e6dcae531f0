/** Forms made from JSON Schemas: fields for what is common, JSON for the rest. The server checks. */

import { type ReactNode, useId, useState } from "react";
import { isKeywords, resolve } from "../../src/core/schema_alternatives.ts";
import type { JsonSchema } from "../../src/core/workflow.ts";
import { adoptCss } from "./adopt_css.ts";
import { Button } from "./button.tsx";
import css from "./schema_form.css" with { type: "text" };

adoptCss(css);

/** A form over a value; undefined is a value that is not there yet. */
export interface SchemaFormProps {
  readonly schema: JsonSchema;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  /** What the form is for, such as "Input". */
  readonly label: string;
}

/**
 * Makes the schema of a form out of a larger one.
 *
 * @param fields the fields to show, in this order, each with what is said of it beside the schema
 * @param alsoRequired fields that are needed, beside those that the schema needs
 */
export function pickFields(
  { properties, required, ...schema }: JsonSchema,
  fields: Readonly<Record<string, JsonSchema>>,
  alsoRequired: readonly string[],
): JsonSchema {
  const stated = isKeywords(properties) ? properties : {};
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  return {
    ...schema,
    properties: Object.fromEntries(
      Object.entries(fields).map(([name, more]) => [name, { ...stated[name] as object, ...more }]),
    ),
    required: [...needed.filter((name) => Object.hasOwn(fields, String(name))), ...alsoRequired],
  };
}

/** Longer texts get more than one line. */
const LINE_LENGTH = 256;

/** A form, which can be turned into the JSON of its value and back. */
export function SchemaForm({ schema, value, onChange, label }: SchemaFormProps) {
  const [isJson, setIsJson] = useState(false);
  const field = { schema, root: schema, value, onChange, label, isRequired: true };
  const hasFields = kindOf(plain(schema, schema)) !== "json";
  return (
    <div className="schema-form">
      {isJson || !hasFields ? <JsonField {...field} /> : <Field {...field} />}
      {hasFields && (
        <Button onPress={() => setIsJson(!isJson)}>
          {isJson ? "Fill in fields" : "Write as JSON"}
        </Button>
      )}
    </div>
  );
}

interface FieldProps extends SchemaFormProps {
  readonly root: JsonSchema;
  readonly isRequired: boolean;
}

type Kind = "choice" | "choices" | "boolean" | "number" | "text" | "object" | "list" | "json";

/** A schema with its references followed; one that combines others is left as it is. */
function plain(schema: unknown, root: JsonSchema, depth = 8): JsonSchema {
  if (!isKeywords(schema)) return {};
  const { $ref, allOf, ...own } = schema;
  if (depth === 0) return own;
  const parts = [
    ...(typeof $ref === "string" ? [resolve($ref, root)] : []),
    ...(Array.isArray(allOf) ? allOf : []),
  ].map((part) => plain(part, root, depth - 1));
  return parts.length === 0 ? own : Object.assign({}, ...parts, own);
}

function kindOf(
  { type, enum: values, const: only, properties, items, uniqueItems, anyOf, oneOf }: JsonSchema,
): Kind {
  if (Array.isArray(values) || only !== undefined) return "choice";
  if (anyOf !== undefined || oneOf !== undefined) return "json";
  switch (type) {
    case "boolean":
      return "boolean";
    case "integer":
    case "number":
      return "number";
    case "string":
      return "text";
    case "array":
      if (!isKeywords(items)) return "json";
      return uniqueItems === true && Array.isArray(items.enum) ? "choices" : "list";
    case "object":
      return isKeywords(properties) ? "object" : "json";
    default:
      return isKeywords(properties) ? "object" : "json";
  }
}

function Field(props: FieldProps): ReactNode {
  const schema = plain(props.schema, props.root);
  const field = { ...props, schema };
  switch (kindOf(schema)) {
    case "choice":
      return <ChoiceField {...field} values={valuesOf(schema)} />;
    case "choices":
      return <ChoicesField {...field} values={valuesOf(plain(schema.items, props.root))} />;
    case "boolean":
      return <ChoiceField {...field} values={[true, false]} />;
    case "number":
    case "text":
      return <LineField {...field} />;
    case "object":
      return <ObjectField {...field} />;
    case "list":
      return <ListField {...field} />;
    case "json":
      return <JsonField {...field} />;
  }
}

function valuesOf({ enum: values, const: only }: JsonSchema): readonly unknown[] {
  return Array.isArray(values) ? values : [only];
}

/** A label, the control that it is of, and what its schema says. */
function Labelled({ label, schema, isRequired, children }: FieldProps & {
  readonly children: (
    ids: { readonly id: string; readonly "aria-describedby": string },
  ) => ReactNode;
}) {
  const id = useId();
  const { description, format } = schema;
  const hint = [description, format].filter((part) => typeof part === "string").join(" · ");
  return (
    <div className="schema-field">
      <label htmlFor={id}>
        {typeof schema.title === "string" ? schema.title : label}
        {!isRequired && <span className="muted schema-optional">(optional)</span>}
      </label>
      {children({ id, "aria-describedby": `${id}-hint` })}
      <span className="muted schema-hint" id={`${id}-hint`}>{hint}</span>
    </div>
  );
}

function ChoiceField({ values, ...props }: FieldProps & { readonly values: readonly unknown[] }) {
  const texts = values.map((value) => typeof value === "string" ? value : JSON.stringify(value));
  const at = values.findIndex((one) => JSON.stringify(one) === JSON.stringify(props.value));
  return (
    <Labelled {...props}>
      {(ids) => (
        <select
          {...ids}
          required={props.isRequired}
          value={at < 0 ? "" : at}
          onChange={({ target }) =>
            props.onChange(target.value === "" ? undefined : values[Number(target.value)])}
        >
          <option value="">–</option>
          {texts.map((text, index) => <option key={text} value={index}>{wordOf(text)}</option>)}
        </select>
      )}
    </Labelled>
  );
}

/** What the schema of a group says. */
function Hint({ of: { description } }: { readonly of: JsonSchema }) {
  return typeof description === "string" && <span className="muted schema-hint">{description}
  </span>;
}

/** Several of some values: a list in which none is twice. */
function ChoicesField({ values, schema, value, onChange, label, isRequired }: FieldProps & {
  readonly values: readonly unknown[];
}) {
  const chosen: readonly unknown[] = Array.isArray(value) ? value : [];
  const put = (next: readonly unknown[]) =>
    onChange(next.length === 0 && !isRequired ? undefined : next);
  return (
    <fieldset className="schema-choices">
      <legend>{label}</legend>
      <Hint of={schema} />
      {values.map((one) => (
        <label key={String(one)}>
          <input
            type="checkbox"
            checked={chosen.includes(one)}
            onChange={({ target }) =>
              put(values.filter((any) => any === one ? target.checked : chosen.includes(any)))}
          />
          {String(one)}
        </label>
      ))}
    </fieldset>
  );
}

function wordOf(text: string): string {
  return text === "true" ? "yes" : text === "false" ? "no" : text;
}

const INPUT_TYPES: Readonly<Record<string, string>> = { email: "email", uri: "url", date: "date" };

function LineField(props: FieldProps) {
  const { schema, value, onChange, isRequired } = props;
  const isNumber = kindOf(schema) === "number";
  const text = value === undefined || value === null ? "" : String(value);
  const take = (typed: string) =>
    onChange(typed === "" ? undefined : isNumber ? Number(typed) : typed);
  const type = isNumber ? "number" : INPUT_TYPES[String(schema.format)] ?? "text";
  const isLong = type === "text" &&
    (Number(schema.maxLength ?? 0) > LINE_LENGTH || text.includes("\n"));
  return (
    <Labelled {...props}>
      {(ids) =>
        isLong
          ? (
            <textarea
              {...ids}
              required={isRequired}
              rows={3}
              value={text}
              onChange={({ target }) => take(target.value)}
            />
          )
          : (
            <input
              {...ids}
              required={isRequired}
              type={type}
              step={schema.type === "integer" ? 1 : "any"}
              min={numberOr(schema.minimum)}
              max={numberOr(schema.maximum)}
              value={text}
              onChange={({ target }) => take(target.value)}
            />
          )}
    </Labelled>
  );
}

function numberOr(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function ObjectField({ schema, root, value, onChange, label, isRequired }: FieldProps) {
  const fields = isKeywords(schema.properties) ? schema.properties : {};
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const held = isKeywords(value) ? value : {};
  const put = (name: string, inner: unknown) => {
    const { [name]: _, ...rest } = held;
    const next = inner === undefined ? rest : { ...held, [name]: inner };
    onChange(Object.keys(next).length === 0 && !isRequired ? undefined : next);
  };
  return (
    <fieldset>
      <legend>{label}</legend>
      <Hint of={schema} />
      {Object.keys(fields).length === 0 && <p className="muted">No fields</p>}
      {Object.entries(fields).map(([name, inner]) => (
        <Field
          key={name}
          schema={inner as JsonSchema}
          root={root}
          label={name}
          value={held[name]}
          // What an object needs is needed only where the object is.
          isRequired={required.includes(name) && (isRequired || value !== undefined)}
          onChange={(next) => put(name, next)}
        />
      ))}
    </fieldset>
  );
}

function ListField({ schema, root, value, onChange, label }: FieldProps) {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return (
    <fieldset>
      <legend>{label}</legend>
      <Hint of={schema} />
      {items.map((item, index) => (
        <div className="schema-item" key={index}>
          <Field
            schema={schema.items as JsonSchema}
            root={root}
            label={`${label} ${index + 1}`}
            value={item}
            isRequired
            onChange={(next) => onChange(items.with(index, next ?? null))}
          />
          <Button
            label={`Remove ${label} ${index + 1}`}
            onPress={() => onChange(items.toSpliced(index, 1))}
          >
            Remove
          </Button>
        </div>
      ))}
      <Button onPress={() => onChange([...items, firstOf(plain(schema.items, root))])}>
        Add to {label}
      </Button>
    </fieldset>
  );
}

/** What a new entry begins as: a value that its field can show. */
function firstOf(schema: JsonSchema): unknown {
  const kind = kindOf(schema);
  return kind === "object" ? {} : kind === "list" ? [] : kind === "text" ? "" : null;
}

const NOT_JSON = "Not valid JSON yet";

/** Any value, as JSON. What is not JSON yet stays in the field, is not passed on, and holds its form back. */
function JsonField(props: FieldProps) {
  const { value, onChange } = props;
  const shown = value === undefined ? "" : JSON.stringify(value, undefined, 2);
  const [typed, setTyped] = useState<{ readonly text: string; readonly of: string }>();
  const text = typed?.of === shown ? typed.text : shown;
  const isWrong = text.trim() !== "" && readJson(text) === undefined;
  return (
    <Labelled {...props}>
      {(ids) => (
        <>
          <textarea
            {...ids}
            className="code"
            spellCheck={false}
            rows={Math.min(16, Math.max(3, text.split("\n").length))}
            aria-invalid={isWrong}
            ref={(field) => field?.setCustomValidity(isWrong ? NOT_JSON : "")}
            value={text}
            onChange={({ target }) => {
              const read = target.value.trim() === ""
                ? { value: undefined }
                : readJson(target.value);
              if (read !== undefined) onChange(read.value);
              const now = read === undefined
                ? shown
                : read.value === undefined
                ? ""
                : JSON.stringify(read.value, undefined, 2);
              setTyped({ text: target.value, of: now });
            }}
          />
          {isWrong && <span className="schema-wrong" role="status">{NOT_JSON}</span>}
        </>
      )}
    </Labelled>
  );
}

function readJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
