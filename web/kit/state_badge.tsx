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
};

/** A state: its word, and a colour that only helps. */
export function StateBadge({ state }: { readonly state: string }) {
  return <span className={`state ${TONES[state] ?? "quiet"}`}>{state.replaceAll("_", " ")}</span>;
}
