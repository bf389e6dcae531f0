/** The filter of the task list: states with their counts, fields, and views. */

import { type FormEvent, useState } from "react";
import { FAILURE_CLASSES } from "../../../src/core/event.ts";
import { TASK_STATES } from "../../../src/core/state.ts";
import { useOperation } from "../../data/query.ts";
import { Button } from "../../kit/button.tsx";
import { StateBadge } from "../../kit/state_badge.tsx";
import {
  type Filter,
  FILTER_FIELDS,
  GIVEN_VIEWS,
  storedViews,
  storeViews,
  toggled,
} from "./filter.ts";

/** Fields as people read them, and what an entry looks like. */
const FIELDS:
  readonly (readonly [field: (typeof FILTER_FIELDS)[number], label: string, hint: string])[] = [
    ["workflow", "Workflow", "shop/checkout"],
    ["version", "Version", "1.2.0"],
    ["where", "Attributes", "region=eu,total>=100"],
    ["tag", "Tags", "web,vip"],
    ["failedStep", "Failed step", "charge"],
    ["errorCode", "Error code", "card_declined"],
    ["priority", "Priority", "1 to 5"],
  ];

const TIMES: readonly (readonly [field: (typeof FILTER_FIELDS)[number], label: string])[] = [
  ["since", "Created from"],
  ["until", "Created before"],
  ["endedSince", "Ended from"],
  ["endedUntil", "Ended before"],
];

/** What a filter bar works with. */
interface BarProps {
  readonly filter: Filter;
  readonly query: string;
  /** Replaces the filter by that of a query string. */
  readonly onChange: (query: string) => void;
}

/** The filter; a change is in the address at once, so that a link has it. */
export function FilterBar(props: BarProps) {
  const { filter, query, onChange } = props;
  const set = (changes: Partial<Record<(typeof FILTER_FIELDS)[number], string>>) => {
    const params = new URLSearchParams(query);
    for (const [field, value] of Object.entries(changes)) {
      if (value === undefined || value === "") params.delete(field);
      else params.set(field, value);
    }
    onChange(params.toString());
  };
  const apply = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const changes = [...form].map((
      [field, value],
    ) => [field, valueOf(field, String(value).trim())]);
    set(Object.fromEntries(changes));
  };
  return (
    <section aria-label="Filter" className="stack">
      <Views {...props} />
      <States filter={filter} onToggle={(state) => set({ state: toggled(filter.state, state) })} />
      <form className="filter" key={query} onSubmit={apply}>
        {FIELDS.map(([field, label, hint]) => (
          <label key={field}>
            <span>{label}</span>
            <input name={field} placeholder={hint} defaultValue={String(filter[field] ?? "")} />
          </label>
        ))}
        <Choices filter={filter} />
        <div className="row">
          <Button type="submit" kind="primary">Apply</Button>
          <Button onPress={() => onChange("")} isDisabled={query === ""}>Clear</Button>
        </div>
      </form>
    </section>
  );
}

/** Fields with few values, and times. */
function Choices({ filter }: { readonly filter: Filter }) {
  return (
    <>
      <label>
        <span>Failure</span>
        <select name="errorClass" defaultValue={filter.errorClass ?? ""}>
          <option value="">any</option>
          {FAILURE_CLASSES.map((one) => (
            <option key={one} value={one}>{one.replaceAll("_", " ")}</option>
          ))}
        </select>
      </label>
      <label>
        <span>Waits for</span>
        <select name="needs" defaultValue={String(filter.needs ?? "")}>
          <option value="">anything</option>
          <option value="choice,signal">a person</option>
          <option value="choice">a choice</option>
          <option value="signal">a signal</option>
        </select>
      </label>
      <details className="times" open={TIMES.some(([field]) => filter[field] !== undefined)}>
        <summary>Times</summary>
        <div className="filter">
          {TIMES.map(([field, label]) => (
            <label key={field}>
              <span>{label}</span>
              <input name={field} type="datetime-local" defaultValue={localText(filter[field])} />
            </label>
          ))}
        </div>
      </details>
    </>
  );
}

/** States with how many tasks of the filter are in each: "≥" where they were not all counted. */
function States({ filter, onToggle }: {
  readonly filter: Filter;
  readonly onToggle: (state: string) => void;
}) {
  const { state, ...others } = filter;
  const counts = useOperation("countTasks", others);
  const chosen = typeof state === "string" ? state.split(",") : [];
  return (
    <div className="row" role="group" aria-label="States">
      {TASK_STATES.map((one) => {
        const found = counts.data?.states[one];
        const count = found === undefined ? "…" : `${found.isExact ? "" : "≥ "}${found.count}`;
        return (
          <button
            key={one}
            type="button"
            className="chip"
            aria-pressed={chosen.includes(one)}
            onClick={() => onToggle(one)}
          >
            <StateBadge state={one} /> <span className="number">{count}</span>
          </button>
        );
      })}
    </div>
  );
}

/** Views: filters with a name. Those that a person saves are kept in this browser alone. */
function Views({ query, onChange }: BarProps) {
  const [own, setOwn] = useState(storedViews);
  const [name, setName] = useState("");
  const keep = (views: typeof own) => {
    storeViews(views);
    setOwn(views);
  };
  const save = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === "") return;
    keep([...own.filter((one) => one.name !== name.trim()), { name: name.trim(), query }]);
    setName("");
  };
  return (
    <div className="row" role="group" aria-label="Views">
      {[...GIVEN_VIEWS, ...own].map((view) => (
        <Button
          key={view.name}
          onPress={() => onChange(view.query)}
        >
          {view.name}
        </Button>
      ))}
      {own.filter((one) => one.query === query).map((view) => (
        <Button
          key={view.name}
          label={`Forget the view ${view.name}`}
          onPress={() => keep(own.filter((one) => one !== view))}
        >
          ✕
        </Button>
      ))}
      <form className="row" onSubmit={save}>
        <input
          aria-label="Name of a view"
          placeholder="Save as view (in this browser)"
          size={28}
          value={name}
          onChange={({ target }) => setName(target.value)}
        />
        <Button type="submit" isDisabled={name.trim() === ""}>Save</Button>
      </form>
    </div>
  );
}

/** What the address has of a field: times with their zone. */
function valueOf(field: string, text: string): string {
  const isTime = TIMES.some(([name]) => name === field);
  return isTime && text !== "" ? new Date(text).toISOString() : text;
}

/** A time as the field for it takes it, in the zone of this browser. */
function localText(time: unknown): string {
  const ms = typeof time === "string" ? Date.parse(time) : NaN;
  if (Number.isNaN(ms)) return "";
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
