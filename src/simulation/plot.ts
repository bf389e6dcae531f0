/** Plots for terminals: one character a value, higher for more. Pure. */

const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** Draws values over time as rows of a chart, the highest first, with its scale at the left. */
export function chart(
  values: readonly (number | undefined)[],
  { max, rows, label = String }: {
    readonly max: number;
    readonly rows: number;
    readonly label?: (value: number) => string;
  },
): readonly string[] {
  const width = Math.max(label(max).length, label(0).length);
  return Array.from({ length: rows }, (_, index) => {
    const below = (rows - 1 - index) / rows * max;
    const cells = values.map((value) => {
      if (value === undefined || value < below) return " ";
      const part = Math.min(1, (value - below) / (max / rows));
      return part <= 0 ? (index === rows - 1 ? "▁" : " ") : BARS[Math.ceil(part * BARS.length) - 1];
    });
    const scale = index === 0 ? label(max) : index === rows - 1 ? label(0) : "";
    return `${scale.padStart(width)} ┤${cells.join("")}`;
  });
}
