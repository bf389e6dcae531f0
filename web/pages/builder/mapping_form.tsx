/** Mappings: each field that a step takes, and where its value comes from. */

import { valueAt } from "../../../src/author/document.ts";
import { isKeywords } from "../../../src/core/schema_alternatives.ts";
import { Button } from "../../kit/button.tsx";
import { CommitField, Labelled } from "./commit_field.tsx";
import {
  type FieldSource,
  type FieldTarget,
  mayFit,
  sourcesOf,
  targetsOf,
} from "./contract_fields.ts";
import { setField, stepNamed } from "./gestures.ts";
import type { Builder } from "./use_builder.ts";

/** The fields of a mapping: those that the contract names, and those that are mapped beside them. */
export function MappingForm({ builder, step, at }: {
  readonly builder: Builder;
  readonly step: string;
  /** Where the mapping is in the step: `["with"]`. */
  readonly at: readonly string[];
}) {
  const { value, directory, make, session } = builder;
  const mapped = valueAt(stepNamed(value, step), at);
  const sources = sourcesOf(value, step, directory);
  const contract = at[0] === "with" ? targetsOf(value, step, directory) : [];
  const targets = [...contract, ...others(mapped, contract)];
  const set = (field: string, next: unknown) =>
    make(setField(session.document, { step, field: [...at, field], value: next }));
  if (mapped !== undefined && !isKeywords(mapped)) {
    return (
      <p>
        The mapping is one value: <code>{JSON.stringify(mapped)}</code>. Change it in the text.
      </p>
    );
  }
  return (
    <div className="mapping">
      {targets.map((target) => (
        <TargetField
          key={target.name}
          target={target}
          mapped={isKeywords(mapped) ? mapped[target.name] : undefined}
          sources={sources}
          onMap={(next) => set(target.name, next)}
        />
      ))}
      {targets.length === 0 && (
        <p className="muted">
          {at[0] === "with"
            ? "No contract says what it takes: without a mapping it gets the task's input."
            : "No fields yet."}
        </p>
      )}
      <CommitField
        label="Map another field"
        placeholder="name"
        value=""
        onCommit={(name) => set(name.trim(), sources[0]?.reference ?? "")}
      />
    </div>
  );
}

/** What is mapped and no contract names. */
function others(mapped: unknown, contract: readonly FieldTarget[]): readonly FieldTarget[] {
  const names = new Set(contract.map(({ name }) => name));
  return Object.keys(isKeywords(mapped) ? mapped : {}).filter((name) => !names.has(name))
    .map((name) => ({ name, types: [], isRequired: false, schema: {} }));
}

function TargetField({ target, mapped, sources, onMap }: {
  readonly target: FieldTarget;
  readonly mapped: unknown;
  readonly sources: readonly FieldSource[];
  readonly onMap: (value: unknown) => void;
}) {
  const { name, types, isRequired, description } = target;
  const isReference = typeof mapped === "string" && mapped.startsWith("$.");
  const isFixed = mapped !== undefined && !isReference;
  const hint = [types.join(" or "), isRequired ? "required" : "", description]
    .filter((part) => part !== undefined && part !== "").join(" · ");
  return (
    <div className="mapping-row">
      <Labelled label={name} hint={hint}>
        {(id) => (
          <SourceSelect
            id={id}
            target={target}
            sources={sources}
            value={isReference ? mapped : isFixed ? FIXED : ""}
            onChoose={(chosen) =>
              onMap(chosen === "" ? undefined : chosen === FIXED ? firstFixed(types) : chosen)}
          />
        )}
      </Labelled>
      {isFixed && (
        <CommitField
          label={`Value of ${name}`}
          hint="A text, or JSON; ${…} names a field"
          value={typeof mapped === "string" ? mapped : JSON.stringify(mapped)}
          onCommit={(text) => onMap(fixedOf(text, types))}
        />
      )}
      {mapped !== undefined && types.length === 0 && (
        <Button
          label={`Remove ${name} from the mapping`}
          onPress={() => onMap(undefined)}
        >
          Remove
        </Button>
      )}
    </div>
  );
}

/** Stands for "a fixed value" among the references. */
const FIXED = "fixed";

function SourceSelect({ id, target, sources, value, onChoose }: {
  readonly id: string;
  readonly target: FieldTarget;
  readonly sources: readonly FieldSource[];
  readonly value: string;
  readonly onChoose: (value: string) => void;
}) {
  const fitting = sources.filter((source) => mayFit(source, target));
  const isKnown = ["", FIXED].includes(value) ||
    fitting.some(({ reference }) => reference === value);
  return (
    <select id={id} value={value} onChange={({ target }) => onChoose(target.value)}>
      <option value="">{target.isRequired ? "choose …" : "not mapped"}</option>
      <option value={FIXED}>a fixed value or text</option>
      {!isKnown && <option value={value}>{value}</option>}
      {[...Map.groupBy(fitting, ({ root }) => root)].map(([root, fields]) => (
        <optgroup key={root} label={root === "input" ? "the task's input" : root}>
          {fields.map(({ reference, path, types, isOptional }) => (
            <option key={reference} value={reference}>
              {root} · {path.join(".")} ({types.join("|") || "any"}
              {isOptional ? ", may be absent" : ""})
            </option>
          ))}
        </optgroup>
      ))}
    </select>
  );
}

function firstFixed(types: readonly string[]): unknown {
  if (types.includes("string") || types.length === 0) return "";
  return types.includes("boolean") ? false : types.includes("array") ? [] : 0;
}

/** A text where texts are taken; else what it is as JSON. */
function fixedOf(text: string, types: readonly string[]): unknown {
  if (types.length === 1 && types[0] === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
