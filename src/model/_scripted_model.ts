/** A scripted model: an HTTP server on loopback that answers as it is asked to, for tests. */

import type { Runtime } from "../core/ports.ts";
import { openGuard } from "../egress/guard.ts";
import { NO_RULES, withRule } from "../egress/rules.ts";
import { openRuntime } from "../server/runtime.ts";
import { openLog } from "../telemetry/log.ts";
import { type Model, openModel } from "./model.ts";

/** The key of the model, which only the endpoint may see. */
export const KEY = "sk-canary-of-the-key-0123456789";

/** Makes the answer to one request. */
export type Script = (request: Request, call: number) => Response | Promise<Response>;

/** A completion with this content, as endpoints answer it. */
export function completion(content: unknown, of: Record<string, unknown> = {}): Response {
  const message = { role: "assistant", content, ...of.message as object };
  return Response.json({
    id: "c1",
    object: "chat.completion",
    choices: [{ index: 0, finish_reason: "stop", ...of, message }],
    usage: { prompt_tokens: 900, completion_tokens: 100, total_tokens: 1_000 },
  });
}

/** Answers by a script, which may be changed, and keeps what it was sent. */
class ScriptedModel implements AsyncDisposable {
  script: Script = () => completion("");
  readonly bodies: string[] = [];
  readonly authorizations: (string | null)[] = [];
  readonly #ends = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, signal: this.#ends.signal },
      async (request) => {
        this.authorizations.push(request.headers.get("authorization"));
        this.bodies.push(await request.text());
        return await this.script(request, this.bodies.length);
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ends.abort();
    await this.#server.finished;
  }
}

type Clock = Pick<Runtime, "now" | "monotonic" | "after" | "digest">;

/** Time passes a hundred times as fast, so that a limit of 20 s is seen within a test. */
function fastRuntime(): Clock {
  const runtime = openRuntime();
  return {
    now: () => runtime.now(),
    monotonic: () => runtime.monotonic() * 100,
    after: (ms: number, call: () => void) => runtime.after(ms / 100, call),
    digest: (text: string) => runtime.digest(text),
  };
}

/** A scripted model, who asks it, and what was logged. */
export interface ModelScene extends AsyncDisposable {
  readonly model: ScriptedModel;
  readonly asked: Model;
  readonly lines: string[];
}

/** Opens a model with a script; when `isFast`, a limit of 20 s is seen within a test. */
export async function openModelScene(
  script: Script,
  { isFast = false }: { readonly isFast?: boolean } = {},
): Promise<ModelScene> {
  const runtime: Clock = isFast ? fastRuntime() : openRuntime();
  const model = new ScriptedModel();
  model.script = script;
  const lines: string[] = [];
  const rules = withRule(NO_RULES, "127.0.0.1") ?? NO_RULES;
  const asked = await openModel({
    address: { url: model.url, name: "scripted" },
    egress: openGuard({ runtime, rules, secrets: new Map([["TASKER_MODEL_KEY", KEY]]) }),
    runtime,
    log: openLog({
      level: "info",
      terminal: false,
      write: (line) => lines.push(line),
      now: () => 0,
    }),
  });
  return { model, asked, lines, [Symbol.asyncDispose]: () => model[Symbol.asyncDispose]() };
}
