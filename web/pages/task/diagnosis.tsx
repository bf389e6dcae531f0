/** The diagnosis of a failed step: what it looks like, where it began, why, and what helped before. */

import { Link } from "wouter";
import type { OperationResult, Step } from "../../../src/client.ts";
import type { JsonSchema } from "../../../src/core/workflow.ts";
import { useOperation } from "../../data/query.ts";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Time } from "../../kit/time.tsx";
import { ChoiceAction } from "./actions.tsx";

/** Asks for a diagnosis when it is shown; it reads journals, so it takes a moment. */
export function DiagnosisPanel({ id, step, success }: {
  readonly id: string;
  readonly step: Step;
  /** The contract of its result. */
  readonly success: JsonSchema | undefined;
}) {
  const diagnosis = useOperation("diagnoseTask", { id, step: step.name });
  if (diagnosis.error) {
    return <ErrorNote error={diagnosis.error} onRetry={() => void diagnosis.refetch()} />;
  }
  if (diagnosis.data === undefined) {
    return <p className="muted" role="status">Comparing with other tasks …</p>;
  }
  const {
    failure_type: type,
    confidence,
    means,
    advice,
    evidence,
    suggested_workarounds,
    message,
    alternatives,
  } = diagnosis.data;
  return (
    <section aria-label="Diagnosis" className="panel stack">
      <h3 className="sentence">
        {type.replaceAll("_", " ")} <span className="muted">{shareText(confidence)} sure</span>
      </h3>
      {message !== undefined && (
        <p>
          <code>{message}</code>
        </p>
      )}
      <p>This looks like {means}.</p>
      <Others alternatives={alternatives} />
      <Began {...{ id, diagnosis: diagnosis.data }} />
      <p className="sentence">{advice}.</p>
      {evidence.length > 0 && (
        <ul className="evidence">
          {evidence.slice(0, 6).map(({ id: key, text }) => <li key={key}>{text}</li>)}
        </ul>
      )}
      {suggested_workarounds.length > 0 && (
        <ul className="suggestions">
          {suggested_workarounds.map(({ type: choice, history }) => (
            <li key={choice}>
              <span className="stack">
                <strong>{labelOf(step, choice)}</strong>
                <span className="muted">{history}</span>
              </span>
              <ChoiceAction {...{ id, step, success, choice }} />
            </li>
          ))}
        </ul>
      )}
      <p className="muted">{diagnosis.data.historical_context}</p>
    </section>
  );
}

/** What else it may be. */
function Others({ alternatives }: Pick<OperationResult<"diagnoseTask">, "alternatives">) {
  if (alternatives.length === 0) return null;
  const texts = alternatives.map((one) =>
    `${one.failure_type.replaceAll("_", " ")} (${shareText(one.confidence)} sure)`
  );
  return <p className="muted">It may also be {texts.join(", ")}.</p>;
}

/** The first failure of the kind: when, and in which task. */
function Began({ id, diagnosis: { began, step } }: {
  readonly id: string;
  readonly diagnosis: OperationResult<"diagnoseTask">;
}) {
  return (
    <p>
      It began <Time at={began.at} /> in{" "}
      {began.task === id ? "this task" : <Link href={`/${began.task}`}>another task</Link>}
      {began.step !== step && ` at step "${began.step}"`}: {began.because}.
    </p>
  );
}

/** What a choice does, in the words of the step. */
function labelOf({ options = [] }: Step, choice: string): string {
  return options.find((one) => one.choice === choice)?.label ?? choice;
}

function shareText(share: number): string {
  return `${Math.round(share * 100)} %`;
}
