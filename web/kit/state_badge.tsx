/** The state of a task, a step or a proposal. */

/** What a state means to a reader, which gives its colour; the word itself is always shown. */
const TONES: Readonly<Record<string, string>> = {
  completed: "good",
  succeeded: "good",
  resolved_manually: "good",
  applied: "good",
  failed: "bad",
  parked: "attention",
  blocked: "attention",
  running: "active",
  waiting: "quiet",
  waiting_for_retry: "attention",
  waiting_for_reply: "active",
  paused: "attention",
  diagnosing: "active",
  waiting_for_approval: "attention",
  observing: "active",
  holding: "active",
  kept: "good",
  released: "good",
  reverted: "attention",
  healthy: "good",
  unhealthy: "bad",
  no_healthy_instance: "bad",
  no_worker_yet: "attention",
  in_order: "good",
  circuit_closed: "good",
  circuit_open: "bad",
  circuit_half_open: "attention",
  held: "attention",
  saturated: "attention",
  ejected: "bad",
};

/** A state: its word, and a colour that only helps. */
export function StateBadge({ state }: { readonly state: string }) {
  return <span className={`state ${TONES[state] ?? "quiet"}`}>{state.replaceAll("_", " ")}</span>;
}
