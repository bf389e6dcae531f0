/** Builds the Rust core without delaying the start. */

import type { BuildOptions, BuildOutcome } from "../../ffi/build.ts";
import { messageOf } from "../core/errors.ts";
import { type OnLine, stopwatch, within } from "../postgres/retry_for.ts";

/** How long a start waits for the build of the Rust core: enough when there is nothing to build. */
const BUILD_MS_MAX = 1_000;

/** Builds the library, or finds that there is nothing to build. */
export type BuildOf = (options: BuildOptions) => Promise<BuildOutcome>;

/**
 * The build of the Rust core. Whatever goes wrong, the TypeScript core can serve; and it does while
 * cargo runs, which takes a minute or two: a core that is ready later serves from the next start.
 */
export class Building implements Disposable {
  readonly #onLine: OnLine;
  readonly #aborting = new AbortController();
  readonly #outcome: Promise<BuildOutcome>;
  #compiled = 0;
  #isTaken = false;

  constructor({ build, onLine }: { readonly build: BuildOf; readonly onLine: OnLine }) {
    this.#onLine = onLine;
    const onCargoLine = () => {
      if (this.#compiled++ === 0) onLine("building the Rust core (first start only) …");
    };
    const { signal } = this.#aborting;
    this.#outcome = build({ onLine: onCargoLine, signal }).catch(absent);
    const elapsed = stopwatch();
    void this.#outcome.then((outcome) => this.#report(outcome, elapsed()));
  }

  /** The core that is there now; nothing to build is known within moments. */
  async takeNow(): Promise<BuildOutcome> {
    const outcome = await within(this.#outcome, { withinMs: BUILD_MS_MAX });
    this.#isTaken = true;
    return outcome ?? { kind: "absent", reason: "the Rust core is being built" };
  }

  /** Ends cargo, if it still runs; the next start goes on where it was. */
  [Symbol.dispose](): void {
    this.#aborting.abort();
  }

  #report(outcome: BuildOutcome, elapsed: string): void {
    if (this.#aborting.signal.aborted) return;
    if (outcome.kind === "absent") {
      this.#onLine(`serving with the TypeScript core: ${reasonOf(outcome)}`);
    } else if (this.#compiled > 0) {
      const use = this.#isTaken ? ": the next start takes it" : "";
      this.#onLine(`the Rust core is built (${elapsed})${use}`);
    }
  }
}

function absent(error: unknown): BuildOutcome {
  return { kind: "absent", reason: messageOf(error) };
}

/** The one line of a reason that says most: cargo's first error, else the first one. */
export function reasonOf({ reason }: { readonly reason: string }): string {
  const lines = reason.split("\n");
  return lines.find((line) => line.startsWith("error")) ?? lines[0] ?? reason;
}
