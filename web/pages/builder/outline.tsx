/** The outline: the steps as a table that does everything the canvas does, by keyboard alone. */

import { type KeyboardEvent, useRef } from "react";
import { stepsOf } from "../../../src/author/document.ts";
import { graphOf } from "../../../src/author/references.ts";
import { topological } from "../../graph/graph_model.ts";
import { edgesOf, kindOf, problemsByStep } from "./document_graph.ts";
import { removeStep } from "./gestures.ts";
import type { Builder } from "./use_builder.ts";

const KIND_WORDS: Readonly<Record<ReturnType<typeof kindOf>, string>> = {
  local: "code",
  remote: "system",
  http: "request",
  sleep: "wait",
  signal: "approval",
  transform: "transform",
  todo: "placeholder",
};

/** The steps in the order in which they run; arrow keys walk, Enter opens, Delete removes. */
export function Outline({ builder, onOpen }: {
  readonly builder: Builder;
  readonly onOpen: () => void;
}) {
  const { value, problems, selection, select, session, make } = builder;
  const table = useRef<HTMLTableElement>(null);
  const graph = graphOf(value);
  const found = problemsByStep(value, problems);
  const rows = topological(stepsOf(value), edgesOf(value));
  const chosen = selection?.kind === "step" ? selection.name : undefined;
  const onKeyDown = (event: KeyboardEvent) => {
    const at = rows.findIndex(({ name }) => name === chosen);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
      if (next === undefined) return;
      select({ kind: "step", name: next.name });
      table.current?.querySelector<HTMLElement>(`[data-step="${CSS.escape(next.name)}"]`)?.focus();
    } else if (event.key === "Delete" && chosen !== undefined) {
      make(removeStep(session.document, chosen));
    }
  };
  if (rows.length === 0) {
    return <p className="muted pad">No steps yet. Add the first one.</p>;
  }
  return (
    <table className="outline" ref={table} onKeyDown={onKeyDown}>
      <caption className="hidden">Steps, in the order in which they run</caption>
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col">Waits for</th>
          <th scope="col">
            <span className="hidden">Problems</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, fields }, index) => (
          <Row
            key={name}
            name={name}
            kind={kindOf(fields)}
            parents={graph.get(name) ?? []}
            count={found.get(name)?.length ?? 0}
            isChosen={name === chosen}
            isReached={name === chosen || (chosen === undefined && index === 0)}
            onChoose={() => {
              select({ kind: "step", name });
              onOpen();
            }}
          />
        ))}
      </tbody>
    </table>
  );
}

function Row({ name, kind, parents, count, isChosen, isReached, onChoose }: {
  readonly name: string;
  readonly kind: ReturnType<typeof kindOf>;
  readonly parents: readonly string[];
  /** Problems of the step. */
  readonly count: number;
  readonly isChosen: boolean;
  /** Whether Tab reaches it: one row of the table. */
  readonly isReached: boolean;
  readonly onChoose: () => void;
}) {
  return (
    <tr className={isChosen ? "chosen" : undefined}>
      <td>
        <button
          type="button"
          className="link"
          data-step={name}
          aria-pressed={isChosen}
          tabIndex={isReached ? 0 : -1}
          onClick={onChoose}
        >
          {name}
        </button>
        <span className="muted">{KIND_WORDS[kind]}</span>
      </td>
      <td>{parents.join(", ") || <span className="muted">start</span>}</td>
      <td className={count > 0 ? "bad" : undefined}>
        {count > 0 && <span title={`${count} problems`}>! {count}</span>}
      </td>
    </tr>
  );
}
