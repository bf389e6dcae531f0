/** What a definition says of one step. */

import type { WorkflowVersion } from "../../../src/client.ts";
import { Button } from "../../kit/button.tsx";

type Step = WorkflowVersion["definition"]["steps"][number];

/** Its contracts, its mapping and its policy. */
export function StepDetails({ step, onClose }: {
  readonly step: Step;
  readonly onClose: () => void;
}) {
  const { name, kind, owner, capability, contract, when, policy } = step;
  const parts = [
    ["Takes", contract.input],
    ["Gives", contract.success],
    ["Fails with", contract.error],
    ["Mapping", step.with],
    ["Policy", policy],
  ] as const;
  return (
    <section aria-label={`Step ${name}`} className="stack">
      <div className="row">
        <h2>{name}</h2>
        <Button onPress={onClose}>All steps</Button>
      </div>
      <p className="muted">
        {kind} of {owner}
        {capability !== undefined && `, ${capability.name}`}; runs when what it waits for {when}
      </p>
      {parts.map(([title, value]) =>
        value !== undefined && JSON.stringify(value) !== "{}" && (
          <details key={title} open>
            <summary>{title}</summary>
            <pre tabIndex={0}>{JSON.stringify(value, undefined, 2)}</pre>
          </details>
        )
      )}
    </section>
  );
}
