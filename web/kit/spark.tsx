/** A small plot without axes, for a cell of a table that has the figures beside it. */

const WIDTH = 120;
const HEIGHT = 22;

/** Draws a line from zero to the largest value. Shape: one value an interval, the oldest first. */
export function Spark({ values, color, label }: {
  readonly values: readonly number[];
  /** The name of a colour in style.css, such as `--good`. */
  readonly color: string;
  /** What it shows, in words: for those who do not see it. */
  readonly label: string;
}) {
  const highest = Math.max(1, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, at) =>
    `${(at * step).toFixed(1)},${(HEIGHT - 1 - value / highest * (HEIGHT - 2)).toFixed(1)}`
  );
  return (
    <svg
      className="spark"
      role="img"
      aria-label={label}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
    >
      <polyline points={points.join(" ")} fill="none" stroke={`var(${color})`} strokeWidth="1.5" />
    </svg>
  );
}
