/** The screen: lines that are drawn over and over in the same place. */

import { cutLine } from "./paint.ts";
import type { Terminal } from "./verb.ts";

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
    return Math.max(1, (this.terminal.size()?.rows ?? 24) - 1);
  }

  /** Draws in place of what was drawn before; longer lines are cut, lest they wrap. */
  draw(lines: readonly string[]): void {
    const columns = this.terminal.size()?.columns ?? 80;
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
