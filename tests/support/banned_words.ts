/** Words that this repository does not use. One word means one thing, and each is plain English. */

/** A word, in all its forms, and what says the same. */
export interface BannedWord {
  /** Matches words in lower case, as they stand in texts or parts of names. */
  readonly word: RegExp;
  readonly instead: string;
}

/** Old private names, and other words for those of ARCHITECTURE.md. */
export const BANNED_WORDS: readonly BannedWord[] = [
  { word: /\bmail ?rooms?\b/, instead: "CommandRouter: it routes commands to actors" },
  { word: /\brosters?\b/, instead: "ActorTable: the actors of a node by task" },
  { word: /\bhand ?overs?\b/, instead: "TurnCommitter, for turns; else: move, takeover" },
  {
    word: /\bpolicy ?books?\b/,
    instead: "EffectivePolicies: what holds of definition and overlay",
  },
  {
    word: /\b(told|tells?|telling)\b(?! ?support)/,
    instead: "say, report, notify, push: whom and how",
  },
  { word: /\bgather(s|ed|ing|er)?\b/, instead: "Batcher, batch, collect" },
  { word: /\bintakes?\b/, instead: "InFlight: deliveries that have not settled" },
  { word: /\bpatience\b/, instead: "retryFor: how long something is tried again" },
  { word: /\bmend(s|ed|ing)?\b/, instead: "fix" },
  { word: /\bcircles?\b/, instead: "cycle: of imports, of dependencies" },
  { word: /\b(bury|buries|buried|burying)\b/, instead: "deadLetter: put aside as a dead letter" },
  { word: /\bdead letter offices?\b/, instead: "DeadLetterStore" },
  { word: /\bit is no (?!longer|more)/, instead: "it is not a: `not valid JSON`" },
  { word: /\bhands? (action|operator|result|routes?|options?|body)\b/, instead: "operator action" },
  { word: /\bjobs?\b/, instead: "task: one run of a workflow" },
  { word: /\b(?<!pg stat )activit(y|ies)\b/, instead: "step, or attempt: one try of it" },
  // The field `estimated_execution_time` is the roadmap's.
  { word: /(?<!estimated )\bexecutions?\b/, instead: "task, attempt, or run" },
  {
    word: /\b(task|step|attempt|node|circuit|slot)s? status(es)?\b/,
    instead: "state: the status is what HTTP and processes answer",
  },
  {
    word: /\b(bus|broker|channel|command|reply|inbound) messages?\b/,
    instead: "envelope: the message is the text of an error",
  },
];
