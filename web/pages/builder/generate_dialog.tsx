/** "Describe it": a proposal for a description, shown as a difference, and taken whole or by part. */

import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { stepsOf } from "../../../src/author/document.ts";
import { useClient } from "../../data/client.tsx";
import { Button } from "../../kit/button.tsx";
import { Dialog } from "../../kit/dialog.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { TextDiff } from "../../kit/text_diff.tsx";
import { Labelled } from "./commit_field.tsx";
import { editsAdding } from "./merged_draft.ts";
import { applyEdits } from "./session.ts";
import type { Builder } from "./use_builder.ts";

type Draft = OperationResult<"generateWorkflow">;

/** What was proposed, for what. */
interface Proposal {
  readonly description: string;
  readonly draft: Draft;
  /** Of the whole description: a proposal of some parts names only those. */
  readonly clauses: Draft["clauses"];
  readonly parts: readonly number[];
}

/** Asks for a proposal. Nothing changes before it is taken, and taking it is one change to undo. */
export function GenerateDialog({ builder, onClose }: {
  readonly builder: Builder;
  readonly onClose: () => void;
}) {
  const [description, setDescription] = useState("");
  const { proposal, propose } = useProposal(builder, description);
  return (
    <Dialog title="Describe it" onClose={onClose} isWide>
      <Labelled
        label="What the workflow is to do"
        hint="Steps in plain language, one a line or in sentences. Rules propose; nothing is changed before you take it."
      >
        {(id) => (
          <textarea
            id={id}
            data-first
            rows={5}
            value={description}
            onChange={({ target }) => setDescription(target.value)}
          />
        )}
      </Labelled>
      <div className="row">
        <Button
          kind="primary"
          isDisabled={propose.isPending || description.trim() === ""}
          onPress={() => propose.mutate(undefined)}
        >
          {propose.isPending ? "Proposing …" : "Propose"}
        </Button>
      </div>
      {propose.error !== null && <ErrorNote error={propose.error} />}
      {proposal !== undefined && (
        <ProposalView
          builder={builder}
          proposal={proposal}
          isPending={propose.isPending}
          onParts={(parts) => propose.mutate(parts)}
          onClose={onClose}
        />
      )}
    </Dialog>
  );
}

/** Asks for proposals; one of some parts keeps the list of all parts. */
function useProposal({ value: { namespace } }: Builder, description: string) {
  const client = useClient();
  const [proposal, setProposal] = useState<Proposal>();
  const propose = useMutation({
    mutationFn: async (parts: readonly number[] | undefined) => {
      const draft = await client.call("generateWorkflow", {
        description,
        ...(typeof namespace === "string" && { namespace }),
        ...(parts !== undefined && { parts: [...parts] }),
      });
      return { draft, parts };
    },
    onMutate: (parts) => {
      if (parts !== undefined) setProposal((before) => before && { ...before, parts });
    },
    onSuccess: ({ draft, parts }) =>
      setProposal((before) => ({
        description,
        draft,
        clauses: parts === undefined ? draft.clauses : before?.clauses ?? draft.clauses,
        parts: parts ?? draft.clauses.filter(({ steps }) => steps.length > 0).map(({ n }) => n),
      })),
  });
  return { proposal, propose };
}

function ProposalView({ builder, proposal, isPending, onParts, onClose }: {
  readonly builder: Builder;
  readonly proposal: Proposal;
  readonly isPending: boolean;
  readonly onParts: (parts: readonly number[]) => void;
  readonly onClose: () => void;
}) {
  const { draft, clauses, parts } = proposal;
  const notes = [...draft.questions, ...draft.missing];
  return (
    <>
      <fieldset disabled={isPending}>
        <legend>Parts of the description</legend>
        {clauses.map(({ n, text, steps }) => (
          <label key={n} className="part">
            <input
              type="checkbox"
              checked={parts.includes(n)}
              disabled={steps.length === 0 || (parts.length === 1 && parts.includes(n))}
              onChange={({ target }) =>
                onParts(
                  target.checked
                    ? [...parts, n].sort((a, b) => a - b)
                    : parts.filter((one) => one !== n),
                )}
            />
            <span>
              {n}. {text}{" "}
              <span className="muted">
                {steps.length === 0 ? "no step does it" : `→ ${steps.join(", ")}`}
              </span>
            </span>
          </label>
        ))}
      </fieldset>
      {notes.length > 0 && (
        <ul aria-label="What is open">{notes.map((note) => <li key={note}>{note}</li>)}</ul>
      )}
      {draft.isAbstention
        ? <p>Nothing is proposed before the questions are answered: say more above.</p>
        : <TakeDraft builder={builder} draft={draft} onClose={onClose} />}
    </>
  );
}

function TakeDraft({ builder, draft, onClose }: {
  readonly builder: Builder;
  readonly draft: Draft;
  readonly onClose: () => void;
}) {
  const { session, value } = builder;
  const hasSteps = stepsOf(value).length > 0;
  const [isAdding, setIsAdding] = useState(hasSteps);
  const edits = isAdding ? editsAdding(value, draft.text) : [];
  const added = isAdding ? applyEdits(session, edits, { label: "Add a draft" }) : undefined;
  const after = added === undefined ? draft.text : added.ok ? added.session.text : session.text;
  const take = () => {
    const label = `Take the draft of "${draft.name}"`;
    if (!isAdding) builder.replace(draft.text, { file: `${draft.name}.yaml`, label });
    else if (!builder.make({ label, edits }, { of: session.text })) return;
    onClose();
  };
  return (
    <>
      {hasSteps && (
        <label className="part">
          <input
            type="checkbox"
            checked={isAdding}
            onChange={({ target }) => setIsAdding(target.checked)}
          />
          Add its steps to the document (otherwise it takes the document's place)
        </label>
      )}
      {added?.ok === false && <p className="bad">{added.reason}</p>}
      <TextDiff before={session.text} after={after} label="What would change in the text" />
      <div className="row">
        <Button kind="primary" isDisabled={added?.ok === false} onPress={take}>Take it</Button>
        <Button onPress={onClose}>Leave it</Button>
      </div>
    </>
  );
}
