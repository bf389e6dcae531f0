/** The dialog that adds a step: suggestions, registered capabilities, and kinds without a system. */

import { type ReactNode, useState } from "react";
import type { OperationResult } from "../../../src/client.ts";
import type { Directory, Edit } from "../../../src/core/authoring.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import type { EdgeEnds } from "../../graph/graph_model.ts";
import { Dialog } from "../../kit/dialog.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { durationText } from "../../kit/time.tsx";
import {
  addStep,
  insertBetween,
  newStep,
  PALETTE,
  type PaletteKind,
  rejoined,
} from "./gestures.ts";
import type { Builder } from "./use_builder.ts";

type Suggestion = OperationResult<"suggestSteps">["suggestions"][number];

/** Where the step goes: behind a step, into an edge, or at the end. */
export type Where =
  | { readonly kind: "end" }
  | { readonly kind: "after"; readonly name: string }
  | { readonly kind: "edge"; readonly edge: EdgeEnds };

/** Lists what can be added there; what is chosen is added at once. */
export function AddDialog({ builder, where, onClose }: {
  readonly builder: Builder;
  readonly where: Where;
  readonly onClose: () => void;
}) {
  const [words, setWords] = useState("");
  const add = useAdd(builder, where, onClose);
  const { file, text, reading } = builder.session;
  const after = parentOf(where);
  const of = { text, file, ...(after !== undefined && { after }) };
  const suggested = useOperation("suggestSteps", of, { isEnabled: reading.ok });
  const isMeant = (...parts: readonly (string | undefined)[]) =>
    words.toLowerCase().split(/\s+/).every((word) =>
      parts.some((part) => part?.toLowerCase().includes(word))
    );
  return (
    <Dialog title={titleOf(where)} onClose={onClose} isWide>
      <input
        data-first
        className="search"
        type="search"
        aria-label="Find a step to add"
        placeholder="Find: payment, approval, http …"
        value={words}
        onChange={({ target }) => setWords(target.value)}
      />
      {add.error !== undefined && <ErrorNote error={add.error} />}
      <Group title="Suggested next" isEmpty={suggested.data?.suggestions.length === 0}>
        {suggested.data?.suggestions.filter(({ step_name, description }) =>
          isMeant(step_name, description)
        ).map((one) => (
          <Choice
            key={one.step_name}
            title={one.step_name}
            text={[one.description, ...one.why].join(" · ")}
            note={noteOf(one)}
            onChoose={() => add.suggestion(one, text)}
          />
        ))}
      </Group>
      <Capabilities
        systems={builder.directory?.systems ?? []}
        isMeant={isMeant}
        onChoose={(owner, name) => void add.capability(owner, name)}
      />
      <Group title="Without a system" isEmpty={false}>
        {PALETTE.filter(({ title, text, kind }) => isMeant(title, text, kind)).map((one) => (
          <Choice
            key={one.kind}
            title={one.title}
            text={one.text}
            onChoose={() => add.kind(one.kind)}
          />
        ))}
      </Group>
    </Dialog>
  );
}

function Capabilities({ systems, isMeant, onChoose }: {
  readonly systems: Directory["systems"];
  readonly isMeant: (...parts: readonly (string | undefined)[]) => boolean;
  readonly onChoose: (owner: string, capability: string) => void;
}) {
  return (
    <Group title="Registered capabilities" isEmpty={systems.length === 0}>
      {systems.flatMap(({ name: owner, healthy, granted, capabilities }) =>
        capabilities.filter(({ name, description }) => isMeant(owner, name, description))
          .map(({ name, description }) => (
            <Choice
              key={`${owner} ${name}`}
              title={name}
              text={description ?? `of ${owner}`}
              note={granted === false
                ? "not granted"
                : healthy === false
                ? `${owner}, not healthy now`
                : owner}
              onChoose={() => onChoose(owner, name)}
            />
          ))
      )}
    </Group>
  );
}

function titleOf(where: Where): string {
  switch (where.kind) {
    case "end":
      return "Add a step";
    case "after":
      return `Add a step after ${where.name}`;
    case "edge":
      return `Insert a step between ${where.edge.from} and ${where.edge.to}`;
  }
}

function parentOf(where: Where): string | undefined {
  return where.kind === "after" ? where.name : where.kind === "edge" ? where.edge.from : undefined;
}

function noteOf({ risk_level, estimated_execution_time: time }: Suggestion): string {
  const took = time === undefined
    ? ""
    : ` · p50 ${durationText(time.p50_ms)}, p95 ${durationText(time.p95_ms)} of ${time.n}`;
  return `risk ${risk_level}${took}`;
}

/** The ways to add; each closes the dialog when it was possible. */
function useAdd(builder: Builder, where: Where, onClose: () => void) {
  const client = useClient();
  const [error, setError] = useState<unknown>();
  const { value, make, session } = builder;
  /** What makes the edge lead through a step that was added behind its beginning. */
  const joined = (name: string): readonly Edit[] =>
    where.kind === "edge" ? rejoined(value, { ...where.edge, name }) : [];
  const suggestion = ({ step_name, edits }: Suggestion, of: string) => {
    const label = `Add ${step_name}`;
    if (make({ label, edits: [...edits, ...joined(step_name)] }, { of })) onClose();
  };
  return {
    error,
    suggestion,
    async capability(owner: string, capability: string) {
      const after = parentOf(where);
      const { text, file } = session;
      try {
        const { suggestions: [found] } = await client.call("suggestSteps", {
          ...{ text, file, owner, capability, limit: 1 },
          ...(after !== undefined && { after }),
        });
        if (found !== undefined) suggestion(found, text);
      } catch (thrown) {
        setError(thrown);
      }
    },
    kind(kind: PaletteKind) {
      const step = newStep(value, kind);
      const gesture = where.kind === "edge"
        ? insertBetween(value, where.edge, step)
        : addStep(step, parentOf(where));
      if (make(gesture)) onClose();
    },
  };
}

function Group({ title, isEmpty, children }: {
  readonly title: string;
  readonly isEmpty: boolean;
  readonly children: ReactNode;
}) {
  return (
    <section className="choices" aria-label={title}>
      <h3>{title}</h3>
      {isEmpty ? <p className="muted">Nothing here.</p> : <ul>{children}</ul>}
    </section>
  );
}

function Choice({ title, text, note, onChoose }: {
  readonly title: string;
  readonly text: string;
  readonly note?: string;
  readonly onChoose: () => void;
}) {
  return (
    <li>
      <button type="button" className="choice" onClick={onChoose}>
        <strong>{title}</strong>
        {note !== undefined && <span className="choice-note">{note}</span>}
        <span className="muted">{text}</span>
      </button>
    </li>
  );
}
