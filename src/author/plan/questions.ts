/** Questions: what only the person can answer, in words that say what would help. Pure. */

import type { Match, Offer } from "./capability_index.ts";

/** Something that only the person can answer. */
export interface Question {
  readonly text: string;
  /** Nothing can be proposed before it is answered. */
  readonly isNeeded: boolean;
}

/** Characters of a clause that a question quotes. */
const QUOTED_LENGTH_MAX = 120;

function quoted(text: string): string {
  const short = text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX - 1)}…` : text;
  return `"${short}"`;
}

/** Two steps wait for each other. */
export function orderQuestion(one: string, other: string): Question {
  const text = `${quoted(one)} and ${quoted(other)} each come before the other: which is first?`;
  return { text, isNeeded: true };
}

/** Two systems would do it. */
export function rivalQuestion(clause: string, offers: readonly [Offer, Offer]): Question {
  const [first, second] = offers.map(({ system, capability }) => `${capability.name} of ${system}`);
  return { text: `${quoted(clause)}: which is meant, ${first} or ${second}?`, isNeeded: true };
}

/** One word speaks for a capability, and the others are not known. */
export function doubtQuestion(clause: string, { offer, unknown }: Match): Question {
  const { system, capability } = offer;
  const what = unknown.map(quoted).join(" and ");
  const text = `${quoted(clause)}: is ${capability.name} of ${system} meant? Nothing that is ` +
    `registered says ${what}`;
  return { text, isNeeded: false };
}

/** A value decides what runs, and the task goes on either way. */
export function decisionQuestion(condition: string): Question {
  const text = `Steps are not left out by a value. If ${quoted(condition)}: should the task stop ` +
    'there (say "stop unless …"), does a system decide that is sent the value, or are there two ' +
    "workflows, of which the right one is started?";
  return { text, isNeeded: false };
}

/** Nothing that is known says whether a task stops. */
export function valueQuestion(condition: string): Question {
  const text = `${quoted(condition)}: which field of which step, or of the input, says so?`;
  return { text, isNeeded: false };
}

/** Something is to be done for each of a kind, within one task. */
export function eachQuestion(each: string, step: string): Question {
  const text =
    `A step runs once, not ${quoted(each)}: does ${step} take all of them in one list, ` +
    "or is a task started for each (POST /v1/tasks/batch)?";
  return { text, isNeeded: false };
}

/** Something else has to start tasks. */
export function scheduleQuestion(schedule: string): Question {
  const text = `A workflow does not start itself: what starts a task ${schedule.toLowerCase()}?`;
  return { text, isNeeded: false };
}

/** A name is not quite that of a capability. */
export function nearQuestion(near: string): Question {
  return { text: `No capability has exactly that name: is ${near} meant?`, isNeeded: false };
}

/** What is not read may change everything: the rest is planned only when it is asked for by itself. */
export function cutQuestion(clauses: number, last: string): Question {
  const text = `Only ${clauses} clauses of the description were read, up to ${
    quoted(last)
  }: which part is a workflow of its own?`;
  return { text, isNeeded: true };
}

/** There are too many steps. */
export function sizeQuestion(steps: number, stepsMax: number): Question {
  const text = `The description asks for ${steps} steps, at most ${stepsMax} are planned: which ` +
    "part is a workflow of its own?";
  return { text, isNeeded: true };
}

/** Nothing is asked for that could be planned. */
export function stepsQuestion(capabilities: readonly string[]): Question {
  const known = capabilities.slice(0, 5).join(", ");
  const offered = known === ""
    ? "No system offers anything yet"
    : `Systems offer, for example: ${known}`;
  return { text: `Which steps should run, in which order? ${offered}`, isNeeded: true };
}

/** Nothing that is registered does a clause. */
export function nobodyQuestion(clause: string, isNeeded: boolean): Question {
  const rest = isNeeded ? "which system does, or should it be left out?" : "which system does?";
  return { text: `Nothing that is registered does ${quoted(clause)}: ${rest}`, isNeeded };
}

/** Names of steps that a question lists. */
const NAMES_MAX = 12;

function listed(names: readonly string[]): string {
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : "";
  return names.slice(0, NAMES_MAX).join(", ") + more;
}

/** Words name no step of the workflow, or several. */
export function whichStepQuestion(
  words: string,
  candidates: readonly string[],
  all: readonly string[],
): Question {
  const text = candidates.length > 1
    ? `${quoted(words)}: which step is meant, ${listed(candidates)}?`
    : `${quoted(words)}: which step is that? There are: ${listed(all)}`;
  return { text, isNeeded: false };
}

/** Nothing says where a step comes. */
export function placeQuestion(words: string, all: readonly string[]): Question {
  const text = `${quoted(words)}: after or before which step? There are: ${listed(all)}`;
  return { text, isNeeded: false };
}

/** A step is put at the end, because nothing says something else. */
export function endQuestion(words: string, ends: readonly string[]): Question {
  const text = `${quoted(words)} comes at the end, after ${listed(ends)}: or where else?`;
  return { text, isNeeded: false };
}

/** A step does that already. */
export function thereQuestion(words: string, step: string): Question {
  const text = `${step} does ${quoted(words)} already: is it to be moved, or a second one added?`;
  return { text, isNeeded: false };
}

/** A step, or what a capability does. */
export function removalQuestion(words: string, step: string, capability: string): Question {
  const text = `${quoted(words)}: is step ${step} removed, or does a new step call ${capability}?`;
  return { text, isNeeded: false };
}

/** A step reads what another one gives, so it cannot do without, or come before it. */
export function readsQuestion(reader: string, of: string, what: string): Question {
  return {
    text: `${reader} reads ${what} of ${of}: where should that come from?`,
    isNeeded: false,
  };
}

/** What is said cannot be changed of such a step. */
export function cannotQuestion(words: string, why: string): Question {
  return { text: `${quoted(words)}: ${why}`, isNeeded: false };
}

/** New tasks have to be given more than before. */
export function inputQuestion(field: string, step: string): Question {
  const text = `${step} needs "${field}", which no step gives: new tasks have to be given it. ` +
    "Do those who start tasks have it?";
  return { text, isNeeded: false };
}

/** No part of a description says what is to be changed. */
export function changeQuestion(all: readonly string[]): Question {
  const text = "What should change? For example: add a step before or after one, remove, replace " +
    `or move one, or say what happens if one fails. There are: ${listed(all)}`;
  return { text, isNeeded: true };
}
