/** A scripted model: an HTTP server on loopback that answers as it is asked to, for tests. */

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
export class ScriptedModel implements AsyncDisposable {
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
