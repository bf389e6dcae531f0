/** Contracts as forms: the fields of an object, each a name, a type and whether it has to be there. */

import { valueAt } from "../../../src/author/document.ts";
import { isKeywords } from "../../../src/core/schema_alternatives.ts";
import { Button } from "../../kit/button.tsx";
import { CommitField, JsonCommitField } from "./commit_field.tsx";
import { setField, stepNamed } from "./gestures.ts";
import type { Builder } from "./use_builder.ts";

const TYPES = ["string", "integer", "number", "boolean", "object", "array"] as const;

/** Which contract: of a step, or of the workflow. */
interface Of {
  readonly builder: Builder;
  readonly step?: string;
  readonly at: readonly string[];
}

/** A contract: its fields where it is an object, and its JSON for everything else that it may say. */
export function ContractForm({ label, ...of }: Of & { readonly label: string }) {
  const { contract, properties, required, put, add, require, remove } = useContract(of);
  const isObject = contract === undefined || (isKeywords(contract) && contract.type === "object");
  return (
    <fieldset className="contract">
      <legend>{label}</legend>
      {Object.entries(properties).map(([name, schema]) => (
        <FieldRow
          key={name}
          name={name}
          type={isKeywords(schema) ? schema.type : undefined}
          isRequired={required.includes(name)}
          onType={(type) => put(["properties", name, "type"], type)}
          onRequire={(isRequired) => require(name, isRequired)}
          onRemove={() => remove(name)}
        />
      ))}
      {isObject && (
        <CommitField
          label={`Add a field to "${label}"`}
          placeholder="name"
          value=""
          onCommit={(name) => add(name.trim())}
        />
      )}
      <details>
        <summary>As JSON Schema</summary>
        <JsonCommitField
          label={`${label}, JSON Schema`}
          value={contract}
          onCommit={(next) => put([], next)}
        />
      </details>
    </fieldset>
  );
}

/** What a contract says, and the gestures that change it. */
function useContract({ builder, step, at }: Of) {
  const { value, make, session } = builder;
  const contract = valueAt(step === undefined ? value : stepNamed(value, step), at);
  const of = isKeywords(contract) ? contract : {};
  const properties = isKeywords(of.properties) ? of.properties : {};
  const required: readonly unknown[] = Array.isArray(of.required) ? of.required : [];
  const gestureOf = (field: readonly string[], next: unknown) =>
    setField(session.document, { step, field: [...at, ...field], value: next });
  const put = (field: readonly string[], next: unknown) => make(gestureOf(field, next));
  const requirement = (name: string, isRequired: boolean) => {
    const others = required.filter((one) => one !== name);
    const next = isRequired ? [...others, name] : others;
    return gestureOf(["required"], next.length === 0 ? undefined : next);
  };
  return {
    ...{ contract, properties, required, put },
    require: (name: string, isRequired: boolean) => make(requirement(name, isRequired)),
    add: (name: string) =>
      contract === undefined
        ? put([], { type: "object", required: [name], properties: { [name]: { type: "string" } } })
        : put(["properties", name], { type: "string" }),
    remove(name: string) {
      const { label, edits } = gestureOf(["properties", name], undefined);
      const isNamed = required.includes(name);
      make({ label, edits: [...(isNamed ? requirement(name, false).edits : []), ...edits] });
    },
  };
}

function FieldRow({ name, type, isRequired, onType, onRequire, onRemove }: {
  readonly name: string;
  readonly type: unknown;
  readonly isRequired: boolean;
  readonly onType: (type: string) => void;
  readonly onRequire: (isRequired: boolean) => void;
  readonly onRemove: () => void;
}) {
  const isUsual = TYPES.some((one) => one === type);
  return (
    <div className="contract-row">
      <code>{name}</code>
      <select
        aria-label={`Type of ${name}`}
        value={isUsual ? String(type) : ""}
        onChange={({ target }) => onType(target.value)}
      >
        {!isUsual && <option value="">{type === undefined ? "any" : JSON.stringify(type)}</option>}
        {TYPES.map((one) => <option key={one} value={one}>{one}</option>)}
      </select>
      <label>
        <input
          type="checkbox"
          checked={isRequired}
          onChange={({ target }) => onRequire(target.checked)}
        />{" "}
        required
      </label>
      <Button label={`Remove field ${name}`} onPress={onRemove}>✕</Button>
    </div>
  );
}
