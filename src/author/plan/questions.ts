/** Questions: what only the person can answer, in words that say what would help. Pure. */

import type { Offer } from "./capability_index.ts";

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

/** A value decides what runs. */
export function decisionQuestion(condition: string): Question {
  const text = `Steps are not left out by a value: which step finds out whether ${
    quoted(condition)
  }, and fails if not?`;
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
