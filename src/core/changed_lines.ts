/** Changed lines: what is different between two texts, as people read it. */

/** Lines that are compared one by one; of more, the whole part is shown. */
const LINES_MAX = 600;

/** Lines that are shown. */
const SHOWN_MAX = 400;

/** Returns the lines that were taken out (`- `) and put in (`+ `), in the order of the text. */
export function changedLines(before: string, after: string): readonly string[] {
  const [was, is] = [before.split("\n"), after.split("\n")];
  const start = commonStart(was, is);
  const end = commonStart(was.slice(start).toReversed(), is.slice(start).toReversed());
  const [out, put] = [was.slice(start, was.length - end), is.slice(start, is.length - end)];
  const lines = out.length + put.length > LINES_MAX
    ? [...out.map((line) => `- ${line}`), ...put.map((line) => `+ ${line}`)]
    : compared(out, put);
  if (lines.length <= SHOWN_MAX) return lines;
  return [...lines.slice(0, SHOWN_MAX), `… ${lines.length - SHOWN_MAX} more lines`];
}

function commonStart(one: readonly string[], other: readonly string[]): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return at;
  return length;
}

/** By the longest common subsequence. Cost: O(lines × lines), bounded by LINES_MAX. */
function compared(out: readonly string[], put: readonly string[]): readonly string[] {
  const common = out.map(() => new Uint16Array(put.length + 1));
  common.push(new Uint16Array(put.length + 1));
  const at = (row: number, column: number) => common[row]?.[column] ?? 0;
  for (let row = out.length - 1; row >= 0; row--) {
    for (let column = put.length - 1; column >= 0; column--) {
      (common[row] as Uint16Array)[column] = out[row] === put[column]
        ? at(row + 1, column + 1) + 1
        : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: string[] = [];
  for (let row = 0, column = 0; row < out.length || column < put.length;) {
    if (row < out.length && out[row] === put[column]) [row, column] = [row + 1, column + 1];
    else if (row < out.length && at(row + 1, column) >= at(row, column + 1)) {
      lines.push(`- ${out[row++]}`);
    } else lines.push(`+ ${put[column++]}`);
  }
  return lines;
}
