/** Filters of tasks in the address, and views that this browser keeps. */

import type { OperationInput } from "../../../src/client.ts";

/** What a list, a count or a bulk change is about. Shape: as the API takes it; lists are texts. */
export type Filter = Omit<OperationInput<"countTasks">, never>;

/** The fields of a filter that the address may have. */
export const FILTER_FIELDS = [
  "workflow",
  "version",
  "state",
  "tag",
  "where",
  "failedStep",
  "errorClass",
  "errorCode",
  "needs",
  "priority",
  "since",
  "until",
  "endedSince",
  "endedUntil",
] as const satisfies readonly (keyof Filter)[];

/** Reads the filter of an address; what it does not know is left alone. */
export function filterOf(params: URLSearchParams): Filter {
  const given = FILTER_FIELDS.flatMap((field) => {
    const text = params.get(field) ?? "";
    return text === "" ? [] : [[field, text] as const];
  });
  return Object.fromEntries(given) as Filter;
}

/** Adds or takes out one entry of a list in a filter, such as a state. */
export function toggled(list: unknown, entry: string): string {
  const entries = typeof list === "string" && list !== "" ? list.split(",") : [];
  const isIn = entries.includes(entry);
  return (isIn ? entries.filter((one) => one !== entry) : [...entries, entry]).join(",");
}

/** A filter under a name. */
export interface View {
  readonly name: string;
  /** As in the address. */
  readonly query: string;
}

const VIEWS_KEY = "tasker.task_views";

/** The most views that are kept. */
const VIEWS_MAX = 50;

/** Views that everybody has. */
export const GIVEN_VIEWS: readonly View[] = [
  { name: "Needs a person", query: "needs=choice,signal" },
  { name: "Failed", query: "state=failed" },
  { name: "Under way", query: "state=running,waiting,blocked,paused" },
];

/** The views that this browser keeps. */
export function storedViews(): readonly View[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(VIEWS_KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isView) : [];
  } catch {
    return []; // somebody else wrote there, or nothing may be stored
  }
}

/** Keeps views; the newest last. */
export function storeViews(views: readonly View[]): void {
  try {
    localStorage.setItem(VIEWS_KEY, JSON.stringify(views.slice(-VIEWS_MAX)));
  } catch {
    // Nothing may be stored: they last as long as the page.
  }
}

function isView(value: unknown): value is View {
  return typeof value === "object" && value !== null && "name" in value && "query" in value &&
    typeof value.name === "string" && typeof value.query === "string";
}
