/** Tabs: several views of one thing, of which one is shown. */

import { type KeyboardEvent, type ReactNode, useId } from "react";
import { adoptCss } from "./adopt_css.ts";
import css from "./tabs.css" with { type: "text" };

adoptCss(css);

/** One view. */
export interface Tab {
  readonly key: string;
  readonly title: ReactNode;
  readonly content: ReactNode;
}

/** Tabs by the pattern of WAI-ARIA: arrow keys choose, Tab goes into what is shown. */
export function Tabs({ label, tabs, chosen, onChoose }: {
  readonly label: string;
  readonly tabs: readonly Tab[];
  readonly chosen: string;
  readonly onChoose: (key: string) => void;
}) {
  const id = useId();
  const at = Math.max(0, tabs.findIndex(({ key }) => key === chosen));
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -at, End: tabs.length - 1 - at }[event.key];
    const next = step === undefined ? undefined : tabs[(at + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    event.preventDefault();
    onChoose(next.key);
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next.key}"]`)?.focus();
  };
  const shown = tabs[at];
  return (
    <div className="tabs">
      <div role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map(({ key, title }) => (
          <button
            key={key}
            type="button"
            role="tab"
            id={`${id}-${key}`}
            data-tab={key}
            aria-selected={key === shown?.key}
            aria-controls={`${id}-panel`}
            tabIndex={key === shown?.key ? 0 : -1}
            onClick={() => onChoose(key)}
          >
            {title}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${shown?.key}`}
        className={`tab-panel ${shown?.key ?? ""}`}
      >
        {shown?.content}
      </div>
    </div>
  );
}
