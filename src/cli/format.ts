/** Format: how values, states, tables and redraws look in a terminal. */

import { styleText } from "node:util";
import type { StepStateName, TaskStateName } from "../core/state.ts";
import type { Terminal } from "./verb.ts";

/** What a text means; its colour follows from that. */
export type Tone = "good" | "bad" | "warn" | "busy" | "dim" | "bold" | "plain";

/** Colours a text, or leaves it as it is; what is not printable is replaced either way. */
export type Paint = (tone: Tone, text: string) => string;

/** The sixteen colours every terminal has. */
const FORMATS = {
  good: "green",
  bad: "red",
  warn: "yellow",
  busy: "cyan",
  dim: "dim",
  bold: "bold",
} as const;

/** No colours. */
export const noPaint: Paint = (_tone, text) => printable(text);

/** Colours, wherever they are written to: the caller knows whether it is a terminal. */
export const ansiPaint: Paint = (tone, text) =>
  tone === "plain"
    ? printable(text)
    : styleText(FORMATS[tone], printable(text), { validateStream: false });

/** Control and direction characters could rewrite the terminal: they become spaces or �. */
export function printable(text: string): string {
  return text.replace(/[\t\n\r]+/g, " ").replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "�");
}

/** Cuts a painted line to a number of columns; codes take none. */
export function cutLine(line: string, columns: number): string {
  let left = columns;
  let isCut = false;
  // deno-lint-ignore no-control-regex -- escape sequences begin with one
  const parts = line.split(/(\x1b\[\d+m)/);
  const shown = parts.map((part) => {
    if (part.startsWith("\x1b")) return part;
    const letters = [...part];
    const taken = letters.slice(0, left);
    left -= taken.length;
    isCut ||= taken.length < letters.length;
    return taken.join("");
  });
  if (!isCut) return line;
  const last = shown.findLastIndex((part) => part !== "" && !part.startsWith("\x1b"));
  return shown.map((part, index) => index === last ? part.replace(/.$/u, "…") : part).join("");
}

/** How a state looks. */
export interface Look {
  readonly symbol: string;
  readonly tone: Tone;
}

const STEP_LOOKS: Readonly<Record<StepStateName, Look>> = {
  pending: { symbol: "○", tone: "dim" },
  running: { symbol: "●", tone: "busy" },
  waiting_for_reply: { symbol: "◐", tone: "busy" },
  waiting_for_retry: { symbol: "↻", tone: "warn" },
  parked: { symbol: "!", tone: "bad" },
  completed: { symbol: "✓", tone: "good" },
  failed: { symbol: "✗", tone: "bad" },
  cancelled: { symbol: "⊘", tone: "warn" },
  skipped: { symbol: "»", tone: "warn" },
  resolved_manually: { symbol: "✎", tone: "good" },
  unreached: { symbol: "–", tone: "dim" },
};

const TASK_LOOKS: Readonly<Record<TaskStateName, Look>> = {
  running: { symbol: "●", tone: "busy" },
  waiting: { symbol: "◐", tone: "busy" },
  blocked: { symbol: "!", tone: "bad" },
  paused: { symbol: "‖", tone: "warn" },
  completed: { symbol: "✓", tone: "good" },
  failed: { symbol: "✗", tone: "bad" },
  cancelled: { symbol: "⊘", tone: "warn" },
};

const UNKNOWN: Look = { symbol: "?", tone: "plain" };

/** The look of a step's state; a newer server may know others. */
export function stepLook(state: StepStateName): Look {
  return STEP_LOOKS[state] ?? UNKNOWN;
}

/** The look of a task's state. */
export function taskLook(state: TaskStateName): Look {
  return TASK_LOOKS[state] ?? UNKNOWN;
}

/** The size of a terminal that does not say: some report 0 by 0. */
const COLUMNS = 80;
const ROWS = 24;

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** Draws at the end of a terminal; what stands above is not touched. */
export class Screen {
  #height = 0;

  constructor(private readonly terminal: Pick<Terminal, "write" | "size">) {
    terminal.write(HIDE_CURSOR);
  }

  /** How many lines can be drawn over. */
  get rowsMax(): number {
    return Math.max(1, (this.terminal.size()?.rows || ROWS) - 1);
  }

  /** Draws in place of what was drawn before; longer lines are cut, lest they wrap. */
  draw(lines: readonly string[]): void {
    const columns = this.terminal.size()?.columns || COLUMNS;
    const up = this.#height === 0 ? "" : `\x1b[${this.#height}A`;
    const text = lines.map((line) => `${cutLine(line, columns)}${CLEAR_LINE}\n`).join("");
    this.terminal.write(`${up}\r${text}${CLEAR_BELOW}`);
    this.#height = lines.length;
  }

  /** Leaves what was drawn last, and gives the cursor back. */
  close(): void {
    this.terminal.write(SHOW_CURSOR);
  }
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Says a duration with two units at most: `12 ms`, `4.2 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`. */
export function durationText(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < SECOND_MS) return `${whole} ms`;
  if (whole < MINUTE_MS) return `${(Math.floor(whole / 100) / 10).toFixed(1)} s`;
  if (whole < HOUR_MS) return twoUnits(whole, [MINUTE_MS, "m"], [SECOND_MS, "s"]);
  if (whole < DAY_MS) return twoUnits(whole, [HOUR_MS, "h"], [MINUTE_MS, "m"]);
  return twoUnits(whole, [DAY_MS, "d"], [HOUR_MS, "h"]);
}

function twoUnits(ms: number, big: [number, string], small: [number, string]): string {
  const rest = Math.floor(ms % big[0] / small[0]);
  return `${Math.floor(ms / big[0])} ${big[1]}${rest === 0 ? "" : ` ${rest} ${small[1]}`}`;
}

/** The time of day of an ISO time, in UTC with milliseconds: `10:00:00.123`. */
export function clockText(time: string): string {
  return time.slice(11, 23);
}

/** The date and time of an ISO time, to the second: `2026-01-01 10:00:00`. */
export function dateText(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)}`;
}

/** "1 row", "2 rows". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A value as JSON in one line of at most `lengthMax` characters. */
export function valueText(value: unknown, lengthMax = 120): string {
  const text = [...JSON.stringify(value) ?? "nothing"];
  return text.length <= lengthMax ? text.join("") : `${text.slice(0, lengthMax - 1).join("")}…`;
}

/** A failure: its class, what the error says, where it was thrown, and its causes. */
export function failureText(failureClass: string, error: unknown): string {
  if (typeof error !== "object" || error === null || !("error_message" in error)) {
    return `${failureClass}: ${valueText(error)}`;
  }
  const code = "error_code" in error && error.error_code !== failureClass
    ? [String(error.error_code)]
    : [];
  return [failureClass, ...code, thrownText(error)].join(": ");
}

function thrownText(error: object): string {
  const { error_class, error_message, error_stack, error_cause }: Record<string, unknown> = {
    ...error,
  };
  const [frame] = [error_stack].flat();
  const kind = error_class === undefined ? "" : `${error_class}: `;
  const at = frame === undefined ? "" : ` at ${frame}`;
  const cause = typeof error_cause === "object" && error_cause !== null
    ? `; caused by ${thrownText(error_cause)}`
    : "";
  return `${kind}${error_message}${at}${cause}`;
}

/** The name of a field in words: `parkedReason` is `parked reason`. */
export function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Names in a row; of many only the first ones, and how many more there are. */
export function namesText(names: readonly string[], namesMax = 4): string {
  if (names.length <= namesMax) return names.join(", ");
  return `${names.slice(0, namesMax).join(", ")} and ${names.length - namesMax} more`;
}

/** A cell. A text alone is plain. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

/** Draws rows; nothing stands behind the last cell of a row. */
export function tableLines(rows: readonly (readonly Cell[])[], paint: Paint): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      // The last cell of a row pushes nothing aside: long notes would make the others wide.
      const width = column === row.length - 1 ? 0 : widthOf(cell);
      widths[column] = Math.max(widths[column] ?? 0, width);
    });
  }
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const { text, tone } = partsOf(cell);
      const gap = column === row.length - 1 ? 0 : (widths[column] ?? 0) - widthOf(cell);
      return paint(tone, text) + " ".repeat(Math.max(0, gap));
    });
    return cells.join("  ").trimEnd();
  });
}

/** A row of column names. */
export function headOf(...names: readonly string[]): Cell[] {
  return names.map((text) => ({ text, tone: "dim" }));
}

function partsOf(cell: Cell): { text: string; tone: Tone } {
  return typeof cell === "string" ? { text: cell, tone: "plain" } : cell;
}

function widthOf(cell: Cell): number {
  return [...partsOf(cell).text].length;
}

const BARS = "▁▂▃▄▅▆▇█";

/** One character a value, the highest one full; nothing where there is none. */
export function plotOf(values: readonly (number | undefined)[]): string {
  const highest = Math.max(...values.map((value) => value ?? 0));
  return values.map((value) => {
    if (value === undefined || (value === 0 && highest === 0)) return " ";
    const level = highest === 0 ? 0 : Math.round(value / highest * (BARS.length - 1));
    return BARS[level];
  }).join("");
}

/** Folds a text between its words; what is in columns, as a plot is, has to be short enough. */
export function foldText(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<= )(?=[^ ])/)) {
    if (line !== "" && line.length + word.trimEnd().length > columns) {
      lines.push(line.trimEnd());
      line = "    ";
    }
    line += word;
  }
  return [...lines, line.trimEnd()];
}
