/** Paint: colours, symbols and redraws of a terminal, and what keeps foreign text from rewriting it. */

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

/** The size of a terminal that does not tell: some say 0 by 0. */
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
