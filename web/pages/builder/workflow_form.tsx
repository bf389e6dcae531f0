/** The form of the workflow as a whole: shown while no step is selected. */

import { CommitField, JsonCommitField } from "./commit_field.tsx";
import { ContractForm } from "./contract_form.tsx";
import { setField } from "./gestures.ts";
import type { Builder } from "./use_builder.ts";

const FIELDS = [
  ["name", "Name", undefined],
  ["namespace", "Namespace", "default unless said"],
  ["version", "Version", "Each deployment has a higher one"],
  ["description", "Description", undefined],
  ["deadline", "Deadline", "Such as 2d: how long a task may take"],
] as const;

/** What can be said of the workflow. */
export function WorkflowForm({ builder }: { readonly builder: Builder }) {
  const { value, make, session } = builder;
  const set = (field: readonly string[], next: unknown) =>
    make(setField(session.document, { field, value: next === "" ? undefined : next }));
  return (
    <div className="inspector">
      {FIELDS.map(([field, label, hint]) => (
        <CommitField
          key={field}
          label={label}
          {...(hint !== undefined && { hint })}
          value={value[field] === undefined || value[field] === null ? "" : String(value[field])}
          onCommit={(text) => set([field], text.trim())}
        />
      ))}
      <ContractForm builder={builder} at={["input"]} label="Input of a task" />
      <details>
        <summary>Output</summary>
        <JsonCommitField
          label="What a task gives"
          hint='A mapping, such as {"with": {"total": "$.price.total"}}'
          value={value.output}
          onCommit={(output) => set(["output"], output)}
        />
      </details>
    </div>
  );
}
