/** Tables: rows of cells to lines, with columns as wide as their widest cell. */

import type { Paint, Tone } from "./paint.ts";

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
