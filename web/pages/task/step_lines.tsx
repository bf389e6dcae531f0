/** What the code of a step logged in its newest attempt. */

import { useOperation } from "../../data/query.ts";
import { clockText } from "../../kit/time.tsx";

/** Lines that are shown; the command line shows all. */
const SHOWN_MAX = 200;

/** The lines of one attempt; nothing where there are none. */
export function StepLines({ id, step, attempt, isRunning }: {
  readonly id: string;
  readonly step: string;
  readonly attempt: number;
  readonly isRunning: boolean;
}) {
  const read = useOperation(
    "listStepLines",
    { id, step, attempt, limit: SHOWN_MAX },
    isRunning ? { everyMs: 2_000 } : {},
  );
  const lines = read.data?.lines ?? [];
  if (lines.length === 0) return null;
  return (
    <section aria-label="Log" className="stack">
      <h3>Log of attempt {attempt}</h3>
      <pre className="json" tabIndex={0} role="region" aria-label={`Log of ${step}`}>
        {lines.map(({ number, at, text, fields, dropped }) =>
          dropped === undefined
            ? `${clockText(at)}  ${text}${fields === undefined ? "" : `  ${fields}`}\n`
            : `… ${dropped} lines after line ${number - 1} were left out: too many for one attempt\n`
        )}
        {read.data?.nextCursor !== undefined && `… more: deno task tasker logs ${id} --step ${step}\n`}
      </pre>
    </section>
  );
}
