/** What a person may decide about an incident; each says before what it will do. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { actionText } from "../../../src/core/incident_text.ts";
import { useClient } from "../../data/client.tsx";
import { useMay } from "../../data/session.tsx";
import { Button } from "../../kit/button.tsx";
import { Confirm } from "../../kit/confirm.tsx";

type Incident = OperationResult<"getIncident">;

/** One decision. */
interface Choice {
  readonly name: "approveProposal" | "rejectProposal" | "revertProposal";
  readonly verb: string;
  readonly does: string;
  readonly kind: "primary" | "plain" | "danger";
}

/** What is said once it is done, before the server's own words. */
const DONE: Readonly<Record<Choice["name"], string>> = {
  approveProposal: "Approved",
  rejectProposal: "Rejected",
  revertProposal: "Reverted",
};

/** Buttons for what can be decided as the incident stands, and the question that each asks. */
export function Decide({ incident }: { readonly incident: Incident }) {
  const client = useClient();
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Choice>();
  const [said, setSaid] = useState<string>();
  const mayDecide = useMay("operate");
  const choices = choicesOf(incident);
  if (choices.length === 0 && said === undefined) return null;
  return (
    <div className="stack">
      {incident.phase === "waiting_for_approval" && (
        <p className="attention">
          It waits for a person for a day. Without an answer, nothing is changed.
        </p>
      )}
      {!mayDecide && choices.length > 0 && (
        <p className="muted">To decide, sign in with a key that may operate.</p>
      )}
      {mayDecide && (
        <div className="row" role="group" aria-label="Decide">
          {choices.map((choice) => (
            <Button
              key={choice.name}
              kind={choice.kind}
              onPress={() => setAsked(choice)}
            >
              {choice.verb}
            </Button>
          ))}
        </div>
      )}
      {said !== undefined && <p role="status">{said}</p>}
      {asked !== undefined && (
        <Confirm
          title={asked.verb}
          does={asked.does}
          verb={asked.verb}
          isDanger={asked.kind === "danger"}
          onClose={() => setAsked(undefined)}
          onConfirm={async (reason) => {
            const input = { incident: incident.id, ...(reason !== "" && { reason }) };
            const { says } = await client.call(asked.name, input);
            setSaid(`${DONE[asked.name]}: ${says}`);
            await queries.invalidateQueries({ queryKey: ["getIncident"] });
            await queries.invalidateQueries({ queryKey: ["listIncidents"] });
          }}
        />
      )}
    </div>
  );
}

function choicesOf({ phase, proposals, chosen, applied, conclusion }: Incident): Choice[] {
  const proposal = proposals.find(({ id }) => id === chosen);
  if (proposal === undefined) return [];
  const action = capital(actionText(proposal.action));
  if (phase === "waiting_for_approval") {
    return [
      {
        name: "approveProposal",
        verb: "Approve",
        does: `${action}. A change of a step is tried by a share of its tasks first and compared ` +
          "with the others; if they do worse, it is taken back by itself.",
        kind: "primary",
      },
      {
        name: "rejectProposal",
        verb: "Reject",
        does: "Nothing is changed, and the incident ends. A new one may start if the step goes " +
          "on doing worse.",
        kind: "plain",
      },
    ];
  }
  const isInForce = applied?.isApplied === true && (conclusion?.outcome ?? "kept") === "kept";
  if (!isInForce) return [];
  return [{
    name: "revertProposal",
    verb: "Revert",
    does: "What this incident changed is put back to what it was before, at once and for all " +
      `tasks: “${action}” no longer holds. What others have changed since then stays.`,
    kind: "danger",
  }];
}

/** With a capital, as the first of a sentence. */
export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
