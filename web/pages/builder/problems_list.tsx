/** The list of what is wrong, with what makes it right. */

import type { Problem } from "../../../src/core/authoring.ts";
import { Button } from "../../kit/button.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import type { Builder } from "./use_builder.ts";

/** Problems in the order of the text; a fix is one click, and one change to undo. */
export function ProblemsList({ builder, onShow }: {
  readonly builder: Builder;
  readonly onShow: (problem: Problem) => void;
}) {
  const { problems, isChecked, checkError, make, session } = builder;
  if (checkError !== null) return <ErrorNote error={checkError} />;
  if (problems.length === 0) {
    return <p className="muted pad">{isChecked ? "Nothing is wrong." : "Checking …"}</p>;
  }
  return (
    <ul className="problems" aria-label="Problems" aria-busy={!isChecked}>
      {problems.map((problem) => {
        const { code, severity, text, at, fix, path } = problem;
        return (
          <li key={`${code} ${JSON.stringify(path)} ${text}`}>
            <span className={severity === "error" ? "bad" : "attention"}>
              {severity === "error" ? "✕ Error" : "! Warning"}
            </span>{" "}
            <code>{code}</code> {text}
            <div className="problem-actions">
              {at !== undefined && <Button onPress={() => onShow(problem)}>Line {at.line}</Button>}
              {fix !== undefined && (
                <Button
                  isDisabled={!isChecked}
                  onPress={() => make({ label: fix.label, edits: fix.edits }, { of: session.text })}
                >
                  {fix.label}
                </Button>
              )}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
