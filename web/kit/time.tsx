/** Times and durations. */

import { useEffect, useState } from "react";

const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000]] as const;

/** How often what is shown as "ago" is looked at again. */
const TICK_MS = 1_000;

/** A duration in its two largest units, such as `3 m 12 s`; below a second in milliseconds. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const first = UNITS.findIndex(([, size]) => ms >= size);
  const [[name, size], next] = [UNITS[first] ?? UNITS[3], UNITS[first + 1]];
  const rest = next === undefined ? 0 : Math.floor((ms % size) / next[1]);
  const small = next === undefined || rest === 0 ? "" : ` ${rest} ${next[0]}`;
  return `${Math.floor(ms / size)} ${name}${small}`;
}

/** A duration. */
export function Duration({ ms }: { readonly ms: number }) {
  return <span className="number">{durationText(ms)}</span>;
}

/** A time as how long ago it was; the exact time is its title. Shape: RFC 3339. */
export function Time({ at }: { readonly at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()} className="number">
      {durationText(now - Date.parse(at))} ago
    </time>
  );
}

/** The clock of this browser, a new value each second. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** The time of day of an event, to the millisecond, in the zone of this browser. */
export function clockText(at: string): string {
  const time = new Date(at);
  return `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}
