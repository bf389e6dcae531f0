/** Fields of the builder: what is typed becomes one change when the field is left. */

import { type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { Button } from "../../kit/button.tsx";

/** A field and its label. */
export function Labelled({ label, hint, children }: {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly children: (id: string) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(id)}
      {hint !== undefined && <span className="muted hint">{hint}</span>}
    </div>
  );
}

/** A line, or several, of text: Enter or leaving the field takes it, Escape puts back what was there. */
export function CommitField({ label, hint, value, onCommit, isCode = false, rows, placeholder }: {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly onCommit: (text: string) => void;
  readonly isCode?: boolean;
  /** More than one line. */
  readonly rows?: number;
  readonly placeholder?: string;
}) {
  const [typed, setTyped] = useState<string>();
  const commit = () => {
    if (typed !== undefined && typed !== value) onCommit(typed);
    setTyped(undefined);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") setTyped(undefined);
    if (event.key === "Enter" && (rows === undefined || event.ctrlKey)) commit();
  };
  const shared = {
    className: isCode ? "code" : undefined,
    value: typed ?? value,
    placeholder,
    spellCheck: false,
    onBlur: commit,
    onKeyDown,
  };
  return (
    <Labelled label={label} hint={hint}>
      {(id) =>
        rows === undefined
          ? <input id={id} {...shared} onChange={({ target }) => setTyped(target.value)} />
          : (
            <textarea
              id={id}
              rows={rows}
              {...shared}
              onChange={({ target }) => setTyped(target.value)}
            />
          )}
    </Labelled>
  );
}

/** A choice among texts; "" stands for what holds when nothing is said. */
export function ChoiceField({ label, hint, value, choices, onChoose, usual }: {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly choices: readonly string[];
  readonly onChoose: (text: string) => void;
  /** The words for "nothing is said"; absent: one has to be chosen. */
  readonly usual?: string;
}) {
  const isKnown = value === "" || choices.includes(value);
  return (
    <Labelled label={label} hint={hint}>
      {(id) => (
        <select id={id} value={value} onChange={({ target }) => onChoose(target.value)}>
          {(usual !== undefined || value === "") && <option value="">{usual ?? "choose …"}</option>}
          {!isKnown && <option value={value}>{value}</option>}
          {choices.map((one) => <option key={one} value={one}>{one}</option>)}
        </select>
      )}
    </Labelled>
  );
}

/** A choice that does something: it is picked first, and done by the button. */
export function PickField({ label, action, choices, onPick }: {
  readonly label: string;
  readonly action: string;
  readonly choices: readonly string[];
  readonly onPick: (choice: string) => void;
}) {
  const [picked, setPicked] = useState("");
  const choice = choices.includes(picked) ? picked : "";
  return (
    <div className="pick">
      <ChoiceField
        label={label}
        value={choice}
        choices={choices}
        usual={choices.length === 0 ? "no step" : "choose a step …"}
        onChoose={setPicked}
      />
      <Button isDisabled={choice === ""} onPress={() => onPick(choice)}>{action}</Button>
    </div>
  );
}

/** A value as JSON, taken when it is JSON. */
export function JsonCommitField({ label, hint, value, onCommit }: {
  readonly label: string;
  readonly hint?: string;
  readonly value: unknown;
  readonly onCommit: (value: unknown) => void;
}) {
  const [wrong, setWrong] = useState<string>();
  const text = value === undefined ? "" : JSON.stringify(value, undefined, 2);
  const take = (typed: string) => {
    if (typed.trim() === "") return onCommit(undefined);
    try {
      onCommit(JSON.parse(typed));
      setWrong(undefined);
    } catch {
      setWrong("Not taken: this was not valid JSON");
    }
  };
  return (
    <>
      <CommitField
        label={label}
        {...(hint !== undefined && { hint })}
        value={text}
        onCommit={take}
        isCode
        rows={Math.min(14, Math.max(3, text.split("\n").length))}
        placeholder="JSON"
      />
      {wrong !== undefined && <p className="bad" role="alert">{wrong}</p>}
    </>
  );
}
