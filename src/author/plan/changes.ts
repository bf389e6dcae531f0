/** Changes: what a part of a description asks to change of a workflow that is there, by its words alone. Pure. */

import { durationIn } from "./asks.ts";

/** What is to be changed. Texts name steps: which ones is decided with the workflow at hand. */
export type Change =
  | { readonly kind: "remove"; readonly of: string; readonly isStep: boolean }
  | { readonly kind: "rename"; readonly of: string; readonly to: string }
  | { readonly kind: "replace"; readonly of: string; readonly by: string }
  | { readonly kind: "move"; readonly of: string }
  | { readonly kind: "parallel"; readonly of: string; readonly with: string }
  | { readonly kind: "sequence"; readonly of: string }
  /** How long a sleep is, or how long a step or a person may take. */
  | { readonly kind: "time"; readonly of: string; readonly ms: number }
  | { readonly kind: "attempts"; readonly of: string; readonly count: number }
  | { readonly kind: "deadline"; readonly ms: number }
  | { readonly kind: "field"; readonly of: string; readonly field: string; readonly value: string };

const PRELUDE =
  /^(?:(?:please|now|also|and|then|so)\s+|(?:i|we)(?:'d| would| want| need| have| like| also)+(?:\s+(?:like|to|want|need))*\s+|(?:could|can|would|will) you\s+(?:please\s+)?)*(?:(?:change|update|modify|adapt|adjust|extend|edit)\s+(?:it|this|the (?:workflow|flow|process|pipeline))\s*(?:so that|such that|in that|to|:|,)?\s*)?/i;
const ADD =
  /^(?:add|adds|insert|include|introduce|append|attach|plug in|there (?:should|must) be|have|put in|create)\s+(?:(?:an?|another|one more|some|the)\s+)?(?:(?:new|extra|additional|further|second)\s+)?(?:step\s*)?(?:(?:that|which|to|where|in which|for)\s+)?/i;
const WAIT_NOUN = /\b(?:wait(?:ing time)?|pause|delay|sleep)\b/i;

const REMOVE =
  /^(?:remove|delete|drop|cut(?: out)?|omit|eliminate|skip|leave out|take out|get rid of|throw out|kick out|strip out|do without|no longer|never(?! retry| try| repeat)|stop|(?:we |you )?(?:no longer|do not|don't) (?:need|want)(?: to)?|(?:do not|don't))\s+(.+?)(?:\s+(?:any ?more|any longer|completely|entirely|altogether|out|from (?:it|the (?:workflow|flow|process))))*$/i;
const REMOVED =
  /^(.+?)\s+(?:(?:can|should|must|has to|is to|shall|may)\s+)?(?:be (?:removed|deleted|dropped|left out|skipped|omitted)|is (?:no longer|not) (?:needed|wanted|necessary)|is obsolete|can go|has to go|must go)(?:\s+(?:any ?more|any longer))?$/i;
const TAKEN_OUT = /^(?:take|leave|cut|throw)\s+(.+?)\s+(?:out|away)$/i;
const RENAME =
  /^(?:rename|call)\s+(.+?)\s+(?:to|into|as)\s+(?:step\s+)?["'`]?([A-Za-z][\w-]*)["'`]?$/i;
const REPLACE =
  /^(?:replace|swap|substitute|exchange)\s+(.+?)\s+(?:with|by|for|against)\s+(?:an?\s+|the\s+)?(.+)$/i;
const USE_INSTEAD =
  /^(?:use\s+)?(?:an?\s+)?(.+?)\s+(?:instead of|rather than|in place of)\s+(.+)$/i;
const MOVE = /^(?:move|shift|reorder|put|place|do|run|perform|execute)\s+(.+)$/i;
const ATTEMPTS =
  /^(?:re-?try|try|repeat|attempt)\s+(.+?)\s+(?:only |up to |at most |max\.? |maximum )*(\d+)\s*(?:x|times|attempts)$/i;
const NO_RETRY =
  /^(?:(?:do not|don't|never) (?:re-?try|repeat)|no retr(?:y|ies) (?:of|for))\s+(.+)$/i;
const ATTEMPTS_OF =
  /^(?:set|change|raise|increase|lower|reduce|limit)\s+(?:the\s+)?(?:number of\s+)?(?:attempts|retries|tries)\s+(?:of|for)\s+(.+?)\s+(?:to|by)\s+(\d+)$/i;
const IN_PARALLEL =
  "(?:in parallel|at the same time|simultaneously|concurrently|side by side|alongside)";
const PARALLEL_WITH = new RegExp(
  `^(?:run|do|execute|start|perform|put)?\\s*(.+?)\\s+${IN_PARALLEL}\\s+(?:with|as|to|of)?\\s*(.+)$`,
  "i",
);
const SEQUENCE =
  /^(?:run|do|execute|start|perform|put)?\s*(.+?)\s+(?:one after (?:the other|another)|sequentially|in sequence|in series|after each other|in this order|in order)$/i;
const DURATION =
  "((?:\\d+|an?|one|two|three|four|five|six|seven|ten|twelve|fifteen|twenty|thirty|half an?)[\\s-]?(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|months?))";
const TIMES: readonly RegExp[] = [
  new RegExp(
    `^(?:set|change|raise|increase|lower|reduce|extend|shorten|make|lengthen)\\s+(?:the\\s+)?(?:time-?out|time limit|duration|length|limit)\\s+(?:of|for|on)\\s+(.+?)\\s+(?:to|at|be|is)?\\s*${DURATION}$`,
    "i",
  ),
  new RegExp(
    `^(?:set|change|raise|increase|lower|reduce|extend|shorten|make|lengthen)\\s+(.+?)(?:'s)?\\s+(?:time-?out|time limit)\\s+(?:to|at|be)?\\s*${DURATION}$`,
    "i",
  ),
  new RegExp(
    `^(?:change|extend|shorten|make|set|lengthen|reduce|increase|raise|lower)\\s+(.+?)\\s+(?:to|last|take|be|only)?\\s*${DURATION}(?:\\s+long)?(?:\\s+instead(?: of .+)?)?$`,
    "i",
  ),
  new RegExp(
    `^(?:give|allow|grant)\\s+(.+?)\\s+(?:a time-?out of\\s+|up to\\s+|at most\\s+)?${DURATION}(?:\\s+to .+)?$`,
    "i",
  ),
  new RegExp(
    `^(.+?)\\s+(?:may|should|must|can|has to|is to)\\s+(?:only\\s+)?(?:not\\s+)?(?:take|last|run|wait|finish|end|be done)\\s*(?:at most|up to|no longer than|longer than|for|within|in)?\\s*${DURATION}$`,
    "i",
  ),
];
const WAIT_INSTEAD = new RegExp(
  `^(wait|pause|sleep)\\s+(?:for\\s+|only\\s+)?${DURATION}\\s+instead(?: of .+)?$`,
  "i",
);
const WHOLE =
  /^(?:the\s+)?(?:whole (?:thing|workflow|process|flow)|workflow|entire (?:workflow|process)|process|everything|all of it|deadline|task)$/i;
const FIELD =
  /^(?:set|change)\s+(?:the\s+)?["'`]?([A-Za-z_]\w*)["'`]?\s+(?:of|in|for)\s+(.+?)\s+to\s+["'`]?([^"'`]{1,200}?)["'`]?$/i;

/** Takes off what only says that something is to be changed: `please change it so that`. */
export function withoutPrelude(text: string): string {
  return text.replace(PRELUDE, "");
}

/** What a text says that is to be added: `add a step that refunds`. Undefined: it does not say so. */
export function additionIn(text: string): string | undefined {
  if (!ADD.test(text)) return undefined;
  const what = text.replace(ADD, "");
  if (what.trim() === "") return undefined;
  const isWait = WAIT_NOUN.test(what) && durationIn(what) !== undefined;
  return isWait && !/^wait\b/i.test(what) ? `wait ${what.replace(WAIT_NOUN, "")}` : what;
}

/** Reads a text as a change of what is there; undefined: it asks for something else. Cost: O(length). */
export function changeIn(text: string): Change | undefined {
  return rewiringIn(text) ?? tuningIn(text) ?? removalIn(text);
}

function rewiringIn(text: string): Change | undefined {
  const [, renamed, to] = RENAME.exec(text) ?? [];
  if (renamed !== undefined && to !== undefined) return { kind: "rename", of: renamed, to };
  const [, replaced, by] = REPLACE.exec(text) ?? [];
  if (replaced !== undefined && by !== undefined) return { kind: "replace", of: replaced, by };
  const isTime = durationIn(text) !== undefined;
  const [, other, instead] = isTime ? [] : USE_INSTEAD.exec(text) ?? [];
  if (other !== undefined && instead !== undefined) {
    return { kind: "replace", of: instead, by: other };
  }
  const [, beside, with_] = PARALLEL_WITH.exec(text) ?? [];
  if (beside !== undefined && with_ !== undefined) {
    return { kind: "parallel", of: beside, with: with_ };
  }
  const [, sequence] = SEQUENCE.exec(text) ?? [];
  return sequence === undefined ? undefined : { kind: "sequence", of: sequence };
}

function tuningIn(text: string): Change | undefined {
  const [, once] = NO_RETRY.exec(text) ?? [];
  if (once !== undefined) return { kind: "attempts", of: once, count: 1 };
  const [, tried, times] = ATTEMPTS.exec(text) ?? ATTEMPTS_OF.exec(text) ?? [];
  if (tried !== undefined) return { kind: "attempts", of: tried, count: Number(times) };
  const [, wait = "", length = ""] = WAIT_INSTEAD.exec(text) ?? [];
  const ofWait = length === "" ? undefined : durationIn(length);
  if (ofWait !== undefined) return { kind: "time", of: wait, ms: ofWait };
  for (const pattern of TIMES) {
    const [, of, length = ""] = pattern.exec(text) ?? [];
    const ms = of === undefined ? undefined : durationIn(length);
    if (of === undefined || ms === undefined || ms <= 0) continue;
    return WHOLE.test(of.trim()) ? { kind: "deadline", ms } : { kind: "time", of, ms };
  }
  const [, field, of, value] = FIELD.exec(text) ?? [];
  if (field === undefined || of === undefined || value === undefined) return undefined;
  return { kind: "field", of, field, value };
}

function removalIn(text: string): Change | undefined {
  const [, of] = TAKEN_OUT.exec(text) ?? REMOVED.exec(text) ?? REMOVE.exec(text) ?? [];
  if (of !== undefined) {
    return { kind: "remove", of, isStep: /\bsteps?\b/i.test(of) || REMOVED.test(text) };
  }
  const [, moved] = MOVE.exec(text) ?? [];
  return moved === undefined ? undefined : { kind: "move", of: moved };
}
