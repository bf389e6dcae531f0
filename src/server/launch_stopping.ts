/** What signals ask of the launcher: the first one a drain, a later Ctrl-C an end at once. */

import { type OnLine, pause } from "../postgres/retry_for.ts";

/** The exit code of a launch that ends before there is a server. */
const EXIT_FAILED = 1;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * How long signals count as one Ctrl-C, in milliseconds: the terminal sends it to the launcher, and
 * `deno task`, which got it as well, sends it on.
 */
const ONE_CTRL_C_MS = 1_000;

/** What signals ask for: the first one a drain, a later Ctrl-C an end at once. */
export class Stopping implements Disposable {
  /** Resolves with the first signal. */
  readonly asked: Promise<"stop">;
  readonly #ask: () => void;
  readonly #onLine: OnLine;
  readonly #listeners = SIGNALS.map((signal) => [signal, () => this.#handle(signal)] as const);
  #first: typeof SIGNALS[number] | undefined;
  #isOneCtrlC = true;
  #server: Deno.ChildProcess | undefined;
  #isReplaced = false;

  constructor(onLine: OnLine) {
    const { promise, resolve } = Promise.withResolvers<"stop">();
    this.asked = promise;
    this.#ask = () => resolve("stop");
    this.#onLine = onLine;
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  /** Whether a signal has come. */
  get isAsked(): boolean {
    return this.#first !== undefined;
  }

  /** Whether the server was asked to end. */
  get isServerEnding(): boolean {
    return this.isAsked || this.#isReplaced;
  }

  /** From now on signals are the server's; one that came before is passed on at once. */
  passOnTo(server: Deno.ChildProcess): void {
    this.#server = server;
    this.#isReplaced = false;
    if (this.#first !== undefined) this.#drain(this.#first);
  }

  /** Asks the server to drain, for another one to follow. */
  endForNext(): void {
    this.#isReplaced = true;
    this.#drain("SIGTERM");
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }

  #handle(signal: typeof SIGNALS[number]): void {
    if (this.#first === undefined) {
      this.#first = signal;
      void pause(ONE_CTRL_C_MS).then(() => this.#isOneCtrlC = false);
      this.#onLine("stopping once the running steps are done; Ctrl-C again stops at once");
      this.#ask();
      this.#drain(signal);
    } else if (signal === "SIGINT" && !this.#isOneCtrlC) {
      this.end();
    }
  }

  /** The server knows two signals; a closed terminal is no reason to drop steps either. */
  #drain(signal: typeof SIGNALS[number]): void {
    this.#kill(signal === "SIGHUP" ? "SIGTERM" : signal);
  }

  /** The journal is made for this: what was acknowledged is there at the next start. */
  end(): void {
    if (this.#server === undefined) Deno.exit(EXIT_FAILED);
    this.#kill("SIGKILL");
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#server?.kill(signal);
    } catch (error) {
      // Deno's word for a child that has ended; its exit code is on the way.
      if (!(error instanceof TypeError)) throw error;
    }
  }
}
