/** Asks a model about incidents; everything goes on as without it when it gives no advice. */

import type { Model } from "../model/model.ts";
import { type Advice, PROMPT_VERSION, promptOf, type Question, readAnswer } from "./advice.ts";

/** For a question, with its repair. */
const TIMEOUT_MS = 20_000;

/** Tokens of an answer, with what a model thinks before it; the longest advice has some 5 KiB. */
const ANSWER_TOKENS_MAX = 4_000;

/** Gives advice about incidents. */
export interface Adviser {
  /**
   * Never throws, and takes at most TIMEOUT_MS. Undefined: there is none, and the log says why. The
   * same question again costs nothing.
   */
  advise(question: Question): Promise<Advice | undefined>;
}

/** Opens an adviser over a model. */
export function openAdviser(model: Pick<Model, "ask">): Adviser {
  return {
    async advise(question) {
      const { namespace, evidence, actions } = question;
      const { value } = await model.ask({
        purpose: "advice",
        namespace,
        prompt: promptOf(question),
        // Ids are not sent, but the same texts may be those of other evidence.
        key: [PROMPT_VERSION, ...[evidence, actions].map((all) => all.map(({ id }) => id))],
        answer: { name: "advice", tokensMax: ANSWER_TOKENS_MAX },
        timeoutMs: TIMEOUT_MS,
        repairsMax: 1,
        decision: { used: "advice used", otherwise: "statistics only" },
        read: (text) => readAnswer(text, question),
      });
      return value;
    },
  };
}
