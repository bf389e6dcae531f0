/** The form of one step: its work, what it waits for, its mapping, policy and contracts. */

import { type Fields, stepsOf, valueAt } from "../../../src/author/document.ts";
import { graphOf } from "../../../src/author/references.ts";
import { WHENS } from "../../../src/core/graph.ts";
import { isKeywords } from "../../../src/core/schema_alternatives.ts";
import { Button } from "../../kit/button.tsx";
import { ChoiceField, CommitField, PickField } from "./commit_field.tsx";
import { ContractForm } from "./contract_form.tsx";
import { kindOf } from "./document_graph.ts";
import {
  ancestorsIn,
  connect,
  disconnect,
  removeStep,
  renameStep,
  reversed,
  setField,
} from "./gestures.ts";
import { MappingForm } from "./mapping_form.tsx";
import type { Builder } from "./use_builder.ts";

/** What the parts of the form share. */
interface PartProps {
  readonly builder: Builder;
  readonly name: string;
  readonly fields: Fields;
  /** Puts a field; undefined or "" removes it. */
  readonly set: (field: readonly string[], value: unknown) => void;
}

/** Everything that can be said of a step. Each field is one change of the text. */
export function StepForm({ builder, name, onInsertAfter }: {
  readonly builder: Builder;
  readonly name: string;
  readonly onInsertAfter: () => void;
}) {
  const { value, make, session } = builder;
  const fields = stepsOf(value).find((step) => step.name === name)?.fields;
  if (fields === undefined) return null;
  const part: PartProps = {
    builder,
    name,
    fields,
    set: (field, next) =>
      make(
        setField(session.document, { step: name, field, value: next === "" ? undefined : next }),
      ),
  };
  const kind = kindOf(fields);
  return (
    <div className="inspector" key={name}>
      <CommitField
        label="Step"
        value={name}
        onCommit={(to) => make(renameStep(name, to.trim()))}
      />
      <div className="row">
        <Button onPress={onInsertAfter}>Add a step after it …</Button>
        <Button kind="danger" onPress={() => make(removeStep(session.document, name))}>
          Remove
        </Button>
      </div>
      <WorkPart {...part} kind={kind} />
      <OrderPart {...part} />
      {(kind === "remote" || kind === "local") && (
        <details open>
          <summary>What it takes</summary>
          <MappingForm builder={builder} step={name} at={["with"]} />
        </details>
      )}
      {(kind === "remote" || kind === "local" || kind === "http") && <PolicyPart {...part} />}
      <details>
        <summary>Contracts</summary>
        {(["input", "result", "error"] as const).map((contract) => (
          <ContractForm
            key={contract}
            builder={builder}
            step={name}
            at={[contract]}
            label={CONTRACT_WORDS[contract]}
          />
        ))}
      </details>
    </div>
  );
}

const CONTRACT_WORDS = {
  input: "What it takes",
  result: "What it gives",
  error: "What it fails with",
} as const;

function WorkPart({ builder, name, fields, set, kind }: PartProps & {
  readonly kind: ReturnType<typeof kindOf>;
}) {
  switch (kind) {
    case "remote":
      return <RemotePart {...{ builder, name, fields, set }} />;
    case "http":
      return <HttpPart {...{ builder, name, fields, set }} />;
    case "sleep":
      return (
        <CommitField
          label="How long"
          hint="Such as 10m or 2d, or $.input.delay"
          value={String(fields.sleep)}
          onCommit={(sleep) => set(["sleep"], sleep)}
        />
      );
    case "signal":
      return <SignalPart {...{ builder, name, fields, set }} />;
    case "transform":
      return (
        <details open>
          <summary>The value that it makes</summary>
          <MappingForm builder={builder} step={name} at={["transform"]} />
        </details>
      );
    case "todo":
      return (
        <CommitField
          label="What is to be done"
          value={String(fields.todo)}
          onCommit={(todo) => set(["todo"], todo)}
        />
      );
    case "local":
      return (
        <CommitField
          label="Handler"
          value={textAt(fields, "handler")}
          onCommit={(handler) => set(["handler"], handler)}
        />
      );
  }
}

function textAt(fields: Fields, ...path: readonly string[]): string {
  const value = valueAt(fields, path);
  return value === undefined || value === null ? "" : String(value);
}

/** Who does it: a system by its name, a capability or an event. */
function RemotePart({ builder, fields, set }: PartProps) {
  const systems = builder.directory?.systems ?? [];
  const declared = isKeywords(builder.value.systems) ? Object.keys(builder.value.systems) : [];
  const owner = textAt(fields, "owner");
  const offers = systems.filter(({ name }) => owner === "" || name === owner)
    .flatMap(({ capabilities }) => capabilities.map(({ name }) => name));
  const names = [...new Set([...systems.map(({ name }) => name), ...declared])];
  return (
    <>
      <ChoiceField
        label="System"
        value={owner}
        choices={names}
        usual="any that offers it"
        onChoose={(system) => set(["owner"], system)}
      />
      {fields.event_pattern === undefined
        ? (
          <ChoiceField
            label="Capability"
            value={textAt(fields, "capability")}
            choices={[...new Set(offers)]}
            onChoose={(capability) => set(["capability"], capability)}
          />
        )
        : (
          <CommitField
            label="Event"
            hint="The type of the envelope"
            value={textAt(fields, "event_pattern")}
            onCommit={(event) => set(["event_pattern"], event)}
          />
        )}
    </>
  );
}

/** A request that the engine makes itself. */
function HttpPart({ builder, name, fields, set }: PartProps) {
  return (
    <>
      <ChoiceField
        label="Method"
        value={textAt(fields, "http", "method")}
        choices={["GET", "POST", "PUT", "PATCH", "DELETE"]}
        onChoose={(method) => set(["http", "method"], method)}
      />
      <CommitField
        label="URL"
        hint="${input.id} puts a field in"
        value={textAt(fields, "http", "url")}
        onCommit={(url) => set(["http", "url"], url)}
      />
      <details>
        <summary>Body</summary>
        <MappingForm builder={builder} step={name} at={["http", "body"]} />
      </details>
    </>
  );
}

function SignalPart({ builder, name, fields, set }: PartProps) {
  return (
    <>
      <CommitField
        label="Waits at most"
        value={textAt(fields, "signal", "timeout")}
        onCommit={(timeout) => set(["signal", "timeout"], timeout)}
      />
      <ChoiceField
        label="When nobody answers"
        value={textAt(fields, "signal", "on_timeout")}
        choices={["fail", "park"]}
        usual="it fails"
        onChoose={(choice) => set(["signal", "on_timeout"], choice)}
      />
      <ContractForm
        builder={builder}
        step={name}
        at={["signal", "form"]}
        label="Form of the answer"
      />
    </>
  );
}

/** What it waits for, and what waits for it. Edges are made here without a mouse. */
function OrderPart({ builder, name, fields, set }: PartProps) {
  const { value, make } = builder;
  const graph = graphOf(value);
  const parents = graph.get(name) ?? [];
  const names = stepsOf(value).map((step) => step.name);
  const before = ancestorsIn(graph, name);
  const after = ancestorsIn(reversed(graph), name);
  const free = names.filter((one) => one !== name && !parents.includes(one) && !after.has(one));
  const next = names.filter((one) =>
    one !== name && !before.has(one) && !(graph.get(one) ?? []).includes(name)
  );
  return (
    <details open>
      <summary>Order</summary>
      <ul className="edges" aria-label={`Steps that ${name} waits for`}>
        {parents.map((parent) => (
          <li key={parent}>
            waits for <strong>{parent}</strong>
            <Button
              label={`Disconnect from ${parent}`}
              onPress={() => make(disconnect(value, { from: parent, to: name }))}
            >
              Disconnect
            </Button>
          </li>
        ))}
      </ul>
      <PickField
        label="Also wait for"
        action="Wait"
        choices={free}
        onPick={(from) => make(connect(value, { from, to: name }))}
      />
      <PickField
        label="Connect to"
        action="Connect"
        choices={next}
        onPick={(to) => make(connect(value, { from: name, to }))}
      />
      <ChoiceField
        label="Runs when what it waits for"
        value={textAt(fields, "when")}
        choices={WHENS.filter((when) => when !== "succeeded")}
        usual="succeeded"
        onChoose={(when) => set(["when"], when)}
      />
    </details>
  );
}

/** How long it may take and how often it is tried. */
function PolicyPart({ fields, set }: PartProps) {
  const text = (label: string, path: readonly string[], hint?: string) => (
    <CommitField
      label={label}
      {...(hint !== undefined && { hint })}
      value={textAt(fields, ...path)}
      onCommit={(typed) => set(path, typed)}
    />
  );
  return (
    <details>
      <summary>Policy</summary>
      {text("Time-out", ["timeout"], "Such as 30s")}
      <CommitField
        label="Attempts at most"
        value={textAt(fields, "retry", "attempts_max")}
        onCommit={(typed) => set(["retry", "attempts_max"], typed === "" ? "" : Number(typed))}
      />
      <ChoiceField
        label="Delay between attempts"
        value={textAt(fields, "retry", "backoff")}
        choices={["none", "linear", "exponential", "fibonacci"]}
        usual="exponential"
        onChoose={(backoff) => set(["retry", "backoff"], backoff)}
      />
      {text("Shortest delay", ["retry", "delay_min"], "Such as 500ms")}
      {text("Longest delay", ["retry", "delay_max"])}
      <ChoiceField
        label="When attempts are used up"
        value={textAt(fields, "on_exhausted")}
        choices={["park", "fail"]}
        usual="a person decides (park)"
        onChoose={(choice) => set(["on_exhausted"], choice)}
      />
      <ChoiceField
        label="When nobody knows what an attempt did"
        value={fields.at_most_once === true ? "a person decides" : ""}
        choices={["a person decides"]}
        usual="it is tried again"
        onChoose={(choice) => set(["at_most_once"], choice === "" ? "" : true)}
      />
    </details>
  );
}
