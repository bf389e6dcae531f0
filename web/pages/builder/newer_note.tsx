/** Says that somebody deployed another version while a draft is open, and brings the two together. */

import { useState } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { useOperation } from "../../data/query.ts";
import { Button } from "../../kit/button.tsx";
import { TextDiff } from "../../kit/text_diff.tsx";
import { type Base, mergedText, workflowOf } from "./kept_draft.ts";
import type { Builder } from "./use_builder.ts";

type Source = OperationResult<"workflowSource">;

/** How often the newest deployment is asked for, in milliseconds; no event announces it. */
const EVERY_MS = 10_000;

/** What a draft begins as that is made of a deployed text. */
export function baseOf({ namespace, name, version, entry, text }: Source): Base {
  return { workflow: `${namespace}/${name}`, version, entry, text };
}

/** The note; nothing while what is deployed is what the draft began as. */
export function NewerNote({ builder }: { readonly builder: Builder }) {
  const { base, value, session } = builder;
  const [isCompared, setCompared] = useState(false);
  const isOwn = base !== undefined && base.workflow === workflowOf(value);
  const [namespace = "", name = ""] = base?.workflow.split("/") ?? [];
  const { data: newer } = useOperation("workflowSource", { namespace, name }, {
    isEnabled: isOwn,
    everyMs: EVERY_MS,
  });
  if (!isOwn || newer === undefined || newer.entry <= base.entry) return null;
  const isChanged = session.text !== base.text;
  const merged = isChanged ? mergedText(base, session.text, newer.text) : undefined;
  const take = (text: string, label: string) =>
    builder.replace(text, { label, base: baseOf(newer) });
  return (
    <div className="newer" role="status">
      <p>
        <strong>{newer.version}</strong> was {newer.kind === "deploy" ? "deployed" : "reverted to"}
        {" "}
        by {newer.by} since you opened {base.version}: {newer.reason}
      </p>
      <div className="row">
        {merged !== undefined && (
          <Button
            kind="primary"
            onPress={() => take(merged, `Bring the changes into ${newer.version}`)}
          >
            Bring my changes into it
          </Button>
        )}
        <Button onPress={() => take(newer.text, `Open ${newer.version}`)}>
          {isChanged ? "Leave my changes and open it" : "Open it"}
        </Button>
        <Button onPress={() => setCompared(!isCompared)}>
          {isCompared ? "Hide the difference" : "Show the difference"}
        </Button>
      </div>
      {isChanged && merged === undefined && (
        <p className="muted">Both change the same lines: bring them together in the text.</p>
      )}
      {isCompared && (
        <TextDiff
          before={session.text}
          after={newer.text}
          label={`From this draft to ${newer.version}`}
        />
      )}
    </div>
  );
}
