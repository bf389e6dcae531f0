/**
 * Asks a model: any endpoint that speaks OpenAI's chat completions. It has no tools, whoever asks reads
 * its answer by strict rules, and everything goes on as without it when there is none of use.
 */

import type { OpenAI } from "openai";
import type { Egress, Runtime } from "../core/ports.ts";
import { Recent } from "../core/recent.ts";
import { redactText } from "../core/redaction.ts";
import type { Log } from "../telemetry/log.ts";
import { ModelBudget } from "./budget.ts";
import { type AnswerShape, complete, type ModelAddress, type Said } from "./call.ts";
import type { Prompt, Verdict } from "./prompt.ts";

/** With less time left a question is over: nothing is asked again. */
const REPAIR_MS_MIN = 1_000;

/** Letters a token has at least, on average: so what is reserved suffices. */
const LETTERS_PER_TOKEN = 2;

/** Answers that are kept; each has at most some 30 KiB. */
const KEPT_MIN = 200;

/** Faults of an answer that are sent back, and characters of each. */
const FAULTS_MAX = 12;
const FAULT_LENGTH_MAX = 400;

/** What a model is asked with. */
export interface ModelDeps {
  readonly address: ModelAddress;
  readonly egress: Egress;
  readonly runtime: Pick<Runtime, "monotonic" | "now" | "after" | "digest">;
  readonly log: Pick<Log, "info">;
}

/** A question, and how its answer is read. */
export interface ModelQuestion<T> {
  /** Whose question it is: budgets are per purpose and namespace. */
  readonly purpose: string;
  readonly namespace: string;
  readonly prompt: Prompt;
  /** What the value depends on beside the prompt: the same question again gets the same value. */
  readonly key: unknown;
  readonly answer: AnswerShape;
  /** For all of it, with its repairs. */
  readonly timeoutMs: number;
  /** How often an answer that breaks the rules is sent back with its faults. */
  readonly repairsMax: number;
  /** What the log says came of it. */
  readonly decision: { readonly used: string; readonly otherwise: string };
  /** Reads an answer; never throws. */
  read(text: string): Verdict<T> | Promise<Verdict<T>>;
}

/** What came of a question. */
export interface Asked<T> {
  readonly value?: T;
  /** `valid`, `repaired`, `kept`, or why there is no value. */
  readonly verdict: string;
  /** What the last answer breaks. */
  readonly faults?: readonly string[];
  readonly calls: number;
}

/** A model. */
export interface Model {
  /** Never throws, and takes at most `timeoutMs` beside what reading takes. */
  ask<T>(question: ModelQuestion<T>): Promise<Asked<T>>;
  /** How the last question ended, for people; undefined before the first. */
  readonly last: { readonly atMs: number; readonly verdict: string } | undefined;
}

/** Loads the library, which only those pay for who have a model. */
export async function openModel(deps: ModelDeps): Promise<Model> {
  const { OpenAI } = await import("openai");
  return new AskedModel(deps, OpenAI);
}

/** How a conversation, or a call of it, ended. */
interface Outcome<T> extends Asked<T> {
  readonly detail?: string;
  readonly usedTokens: number;
}

class AskedModel implements Model {
  last: Model["last"];
  readonly #budget = new ModelBudget();
  readonly #kept = new Recent<string, unknown>(KEPT_MIN);
  readonly #asked = new Map<string, Promise<Asked<unknown>>>();

  constructor(readonly deps: ModelDeps, readonly library: typeof OpenAI) {}

  async ask<T>(question: ModelQuestion<T>): Promise<Asked<T>> {
    const { purpose, namespace, prompt: { system, user, schema }, key: of } = question;
    const parts = [this.deps.address, purpose, namespace, system, user, schema, of];
    const key = this.deps.runtime.digest(JSON.stringify(parts));
    const kept = this.#kept.get(key);
    // Under the same key it was read by the same rules.
    if (kept !== undefined) return { value: kept as T, verdict: "kept", calls: 0 };
    const asked = this.#asked.get(key) as Promise<Asked<T>> | undefined ??
      this.#ask(question, key);
    this.#asked.set(key, asked);
    try {
      return await asked;
    } finally {
      this.#asked.delete(key);
    }
  }

  async #ask<T>(question: ModelQuestion<T>, key: string): Promise<Asked<T>> {
    const { runtime, log, address } = this.deps;
    const { purpose, namespace, prompt, decision } = question;
    const startedAt = runtime.monotonic();
    const { detail, usedTokens, ...asked } = await this.#converse(question);
    const { value, verdict, calls } = asked;
    if (value !== undefined) this.#kept.set(key, value);
    this.last = { atMs: runtime.now(), verdict };
    log.info("Asked the model", {
      purpose,
      namespace,
      model: address.name,
      promptHash: key,
      redactions: prompt.redactions,
      calls,
      used: usedTokens, // a field named after tokens would be hidden
      verdict,
      detail,
      ms: Math.round(runtime.monotonic() - startedAt),
      decision: value === undefined ? decision.otherwise : decision.used,
    });
    return asked;
  }

  /** Asks, and again with the faults of an answer that breaks the rules. */
  async #converse<T>(question: ModelQuestion<T>): Promise<Outcome<T>> {
    const { prompt, timeoutMs, repairsMax } = question;
    using deadline = new Deadline(this.deps.runtime, timeoutMs);
    const first: readonly Said[] = [
      { role: "system", content: prompt.system },
      { role: "user", content: prompt.user },
    ];
    let { answer, ...last } = await this.#call(question, {
      said: first,
      deadline,
      isLast: repairsMax === 0,
    });
    for (let repairs = 1; repairs <= repairsMax; repairs++) {
      if (answer === undefined || deadline.leftMs < REPAIR_MS_MIN) break;
      // Earlier answers are left out: the last one and its faults say all.
      const said: readonly Said[] = [...first, {
        role: "assistant",
        content: redactText(answer).text,
      }, {
        role: "user",
        content:
          `The answer breaks these rules: ${last.detail}. Send it again, whole and corrected.`,
      }];
      const { answer: repaired, ...next } = await this.#call(question, {
        said,
        deadline,
        isLast: repairs === repairsMax,
      });
      answer = repaired;
      const { faults = last.faults } = next;
      last = {
        ...next,
        ...(faults !== undefined && { faults }),
        verdict: next.value === undefined ? next.verdict : "repaired",
        calls: last.calls + next.calls,
        usedTokens: last.usedTokens + next.usedTokens,
      };
    }
    return last;
  }

  /** Makes one call within the budget; `answer` is there when it could be repaired. */
  async #call<T>(
    question: ModelQuestion<T>,
    { said, deadline, isLast }: {
      readonly said: readonly Said[];
      readonly deadline: Deadline;
      readonly isLast: boolean;
    },
  ): Promise<Outcome<T> & { readonly answer?: string }> {
    const { runtime, ...deps } = this.deps;
    const { purpose, namespace, prompt, answer } = question;
    const letters = said.reduce((sum, { content }) => sum + content.length, 0);
    const tokens = Math.ceil(letters / LETTERS_PER_TOKEN) + answer.tokensMax;
    const nowMs = runtime.monotonic();
    const end = this.#budget.ask(`${purpose}/${namespace}`, { tokens, nowMs });
    if (typeof end === "string") return { verdict: end, calls: 0, usedTokens: 0 };
    const completion = await deadline.race(
      complete({ ...deps, library: this.library, nowMs: runtime.now() }, {
        said,
        schema: prompt.schema,
        answer,
        timeoutMs: deadline.leftMs,
        signal: deadline.signal,
      }),
    );
    const { text, detail, retryAfterMs } = completion ?? {};
    const isLate = deadline.leftMs < REPAIR_MS_MIN;
    const why = isLate ? "too_late" : completion?.why ?? "too_late";
    const usedTokens = Math.min(tokens, completion?.usedTokens ?? tokens);
    const verdict = text === undefined ? undefined : await question.read(text);
    end({
      tokens: usedTokens,
      // What can still be corrected is no failure of the model yet.
      isUseful: verdict?.kind === "valid" || (verdict !== undefined && !isLast),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      nowMs: runtime.monotonic(),
    });
    if (text === undefined || verdict === undefined) {
      return { verdict: why, calls: 1, usedTokens, ...(detail !== undefined && { detail }) };
    }
    if (verdict.kind === "valid") {
      return { verdict: "valid", calls: 1, usedTokens, value: verdict.value };
    }
    const faults = verdict.faults.slice(0, FAULTS_MAX).map((one) => one.slice(0, FAULT_LENGTH_MAX));
    const shown = faults.join("; ");
    return { verdict: "breaks_rules", calls: 1, usedTokens, detail: shown, faults, answer: text };
  }
}

/** The end of a question's time, which also ends what does not hear of it. */
class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #atMs: number;
  readonly #over = Promise.withResolvers<undefined>();
  readonly #cancel: () => void;

  constructor(readonly runtime: ModelDeps["runtime"], timeoutMs: number) {
    this.#atMs = runtime.monotonic() + timeoutMs;
    this.#cancel = runtime.after(timeoutMs, () => {
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
