/**
 * Asks a model about incidents: any endpoint that speaks OpenAI's chat completions. It has no tools,
 * what it answers is read by advice.ts, and everything goes on as without it when it gives no advice.
 */

import type { OpenAI } from "openai";
import type { Egress, Runtime } from "../core/ports.ts";
import { Recent } from "../core/recent.ts";
import type { Log } from "../telemetry/log.ts";
import {
  type Advice,
  type Prompt,
  PROMPT_VERSION,
  promptOf,
  type Question,
  readAnswer,
} from "./advice.ts";
import { ModelBudget } from "./model_budget.ts";
import { ANSWER_TOKENS_MAX, complete, type ModelAddress, type Said } from "./model_call.ts";

/** For a question, with its repair. */
const TIMEOUT_MS = 20_000;

/** With less time left a question is over: nothing is asked again. */
const REPAIR_MS_MIN = 1_000;

/** Letters a token has at least, on average: so what is reserved suffices. */
const LETTERS_PER_TOKEN = 2;

/** Advice that is kept; each has at most some 5 KiB. */
const KEPT_MIN = 200;

/** What the adviser works with. */
export interface AdviserDeps {
  readonly address: ModelAddress;
  readonly egress: Egress;
  readonly runtime: Pick<Runtime, "monotonic" | "now" | "after" | "digest">;
  readonly log: Pick<Log, "info">;
}

/** Gives advice about incidents. */
export interface Adviser {
  /**
   * Never throws, and takes at most TIMEOUT_MS. Undefined: there is none, and the log says why. The
   * same question again costs nothing.
   */
  advise(question: Question): Promise<Advice | undefined>;
  /** How the last question ended, for people; undefined before the first. */
  readonly last: { readonly atMs: number; readonly verdict: string } | undefined;
}

/** Loads the library, which only those pay for who have a model. */
export async function openAdviser(deps: AdviserDeps): Promise<Adviser> {
  const { OpenAI } = await import("openai");
  return new ModelAdviser(deps, OpenAI);
}

/** How a question ended. */
interface Outcome {
  readonly advice?: Advice;
  /** `valid`, `repaired`, or why there is no advice. */
  readonly verdict: string;
  readonly detail?: string;
  readonly calls: number;
  readonly usedTokens: number;
}

class ModelAdviser implements Adviser {
  last: Adviser["last"];
  readonly #budget = new ModelBudget();
  readonly #kept = new Recent<string, Advice>(KEPT_MIN);
  readonly #asked = new Map<string, Promise<Advice | undefined>>();

  constructor(readonly deps: AdviserDeps, readonly library: typeof OpenAI) {}

  async advise(question: Question): Promise<Advice | undefined> {
    const prompt = promptOf(question);
    const key = this.#keyOf(question, prompt);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const asked = this.#asked.get(key) ?? this.#ask(question, prompt, key);
    this.#asked.set(key, asked);
    try {
      return await asked;
    } finally {
      this.#asked.delete(key);
    }
  }

  /** Ids are part of it, though they are not sent: the same texts may be those of other evidence. */
  #keyOf({ namespace, evidence, actions }: Question, prompt: Prompt): string {
    const ids = [evidence, actions].map((all) => all.map(({ id }) => id));
    const of = [this.deps.address, PROMPT_VERSION, namespace, prompt.system, prompt.user, ids];
    return this.deps.runtime.digest(JSON.stringify(of));
  }

  async #ask(question: Question, prompt: Prompt, key: string): Promise<Advice | undefined> {
    const { runtime, log, address } = this.deps;
    const startedAt = runtime.monotonic();
    const { advice, verdict, detail, calls, usedTokens } = await this.#converse(question, prompt);
    if (advice !== undefined) this.#kept.set(key, advice);
    this.last = { atMs: runtime.now(), verdict };
    log.info("Asked the model", {
      namespace: question.namespace,
      model: address.name,
      promptHash: key,
      redactions: prompt.redactions,
      calls,
      used: usedTokens, // a field named after tokens would be hidden
      verdict,
      detail,
      ms: Math.round(runtime.monotonic() - startedAt),
      decision: advice === undefined ? "statistics only" : "advice used",
    });
    return advice;
  }

  /** Asks, and once more with the faults of an answer that breaks the rules. */
  async #converse(question: Question, prompt: Prompt): Promise<Outcome> {
    using deadline = new Deadline(this.deps.runtime);
    const said: Said[] = [
      { role: "system", content: prompt.system },
      { role: "user", content: prompt.user },
    ];
    const first = await this.#call(question, { said, prompt, deadline });
    if (first.answer === undefined || deadline.leftMs < REPAIR_MS_MIN) {
      return first;
    }
    said.push({ role: "assistant", content: first.answer }, {
      role: "user",
      content:
        `The answer breaks these rules: ${first.detail}. Send it again, whole and corrected.`,
    });
    const second = await this.#call(question, { said, prompt, deadline });
    return {
      ...second,
      verdict: second.advice === undefined ? second.verdict : "repaired",
      calls: first.calls + second.calls,
      usedTokens: first.usedTokens + second.usedTokens,
    };
  }

  /** Makes one call within the budget; `answer` is there when it could be repaired. */
  async #call(
    question: Question,
    { said, prompt, deadline }: {
      readonly said: readonly Said[];
      readonly prompt: Prompt;
      readonly deadline: Deadline;
    },
  ): Promise<Outcome & { readonly answer?: string }> {
    const { runtime, ...deps } = this.deps;
    const letters = said.reduce((sum, { content }) => sum + content.length, 0);
    const tokens = Math.ceil(letters / LETTERS_PER_TOKEN) + ANSWER_TOKENS_MAX;
    const end = this.#budget.ask(question.namespace, { tokens, nowMs: runtime.monotonic() });
    if (typeof end === "string") return { verdict: end, calls: 0, usedTokens: 0 };
    const completion = await deadline.race(
      complete({ ...deps, library: this.library, nowMs: runtime.now() }, {
        said,
        schema: prompt.schema,
        timeoutMs: deadline.leftMs,
        signal: deadline.signal,
      }),
    );
    const { text, detail, retryAfterMs } = completion ?? {};
    const isLate = deadline.leftMs < REPAIR_MS_MIN;
    const why = isLate ? "too_late" : completion?.why ?? "too_late";
    const usedTokens = Math.min(tokens, completion?.usedTokens ?? tokens);
    const verdict = text === undefined ? undefined : readAnswer(text, question);
    end({
      tokens: usedTokens,
      isUseful: verdict?.kind === "valid",
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      nowMs: runtime.monotonic(),
    });
    if (text === undefined || verdict === undefined) {
      return { verdict: why, calls: 1, usedTokens, ...(detail !== undefined && { detail }) };
    }
    return verdict.kind === "valid"
      ? { verdict: "valid", calls: 1, usedTokens, advice: verdict.advice }
      : {
        verdict: "breaks_rules",
        calls: 1,
        usedTokens,
        detail: verdict.faults.join("; "),
        answer: text,
      };
  }
}

/** The end of a question's time, which also ends what does not hear of it. */
class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #atMs: number;
  readonly #over = Promise.withResolvers<undefined>();
  readonly #cancel: () => void;

  constructor(readonly runtime: AdviserDeps["runtime"]) {
    this.#atMs = runtime.monotonic() + TIMEOUT_MS;
    this.#cancel = runtime.after(TIMEOUT_MS, () => {
      this.#controller.abort();
      this.#over.resolve(undefined);
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get leftMs(): number {
    return Math.max(0, Math.ceil(this.#atMs - this.runtime.monotonic()));
  }

  /** The result, or undefined when the time is over before. */
  race<T>(work: Promise<T>): Promise<T | undefined> {
    return Promise.race([work, this.#over.promise]);
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }
}
