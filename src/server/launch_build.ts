/** Builds the Rust core without delaying the start. */

import type { BuildOptions, BuildOutcome } from "../../ffi/build.ts";
import { messageOf } from "../core/errors.ts";
import { type OnLine, stopwatch, within } from "../postgres/retry_for.ts";

/** How long a start waits for the build of the Rust core: enough when there is nothing to build. */
const BUILD_MS_MAX = 1_000;

/**
 * How long the signal that has ended cargo may take to be known here: a Ctrl-C goes to both, and
 * cargo may end before this process hears of it.
 */
const SIGNAL_MS_MAX = 250;

/** A line of cargo that says what it does, such as `   Compiling syn v3.0.10`. */
const PROGRESS = /^\s+[A-Z][a-z]+ /;

/** Builds the library, or finds that there is nothing to build. */
export type BuildOf = (options: BuildOptions) => Promise<BuildOutcome>;

/** What the build of the Rust core works with. */
export interface BuildingDeps {
  readonly build: BuildOf;
  readonly onLine: OnLine;
  /** Whether the launcher was asked to stop, and a promise that resolves when it is. */
  readonly stopping: { readonly isAsked: boolean; readonly asked: Promise<unknown> };
}

/**
 * The build of the Rust core. Whatever goes wrong, the TypeScript core can serve; and it does while
 * cargo runs, which takes a minute or two: a core that is ready later serves from the next start.
 * It says nothing once the launcher was asked to stop.
 */
export class Building implements Disposable {
  readonly #deps: BuildingDeps;
  readonly #aborting = new AbortController();
  readonly #outcome: Promise<BuildOutcome>;
  #isCompiling = false;
  #isTaken = false;

  constructor(deps: BuildingDeps) {
    this.#deps = deps;
    const onCargoLine = () => {
      if (this.#isCompiling) return;
      this.#isCompiling = true;
      this.#say(
        "building the Rust core in the background; the next start uses it once it is built …",
      );
    };
    const { signal } = this.#aborting;
    this.#outcome = deps.build({ onLine: onCargoLine, signal }).catch(absent);
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

  async #report(outcome: BuildOutcome, elapsed: string): Promise<void> {
    if (outcome.kind === "absent") {
      const { asked } = this.#deps.stopping;
      if (this.#isCompiling) await within(asked, { withinMs: SIGNAL_MS_MAX });
      this.#say(`serving with the TypeScript core: ${reasonOf(outcome)}`);
    } else if (this.#isCompiling) {
      const use = this.#isTaken ? ": the next start takes it" : "";
      this.#say(`the Rust core is built (${elapsed})${use}`);
    }
  }

  #say(line: string): void {
    const { onLine, stopping } = this.#deps;
    if (!stopping.isAsked && !this.#aborting.signal.aborted) onLine(line);
  }
}

function absent(error: unknown): BuildOutcome {
  return { kind: "absent", reason: messageOf(error) };
}

/** The one line of a reason that says most: cargo's first error, else the first one. */
export function reasonOf({ reason }: { readonly reason: string }): string {
  const lines = reason.split("\n").filter((line) => !PROGRESS.test(line)).map((line) =>
    line.trim()
  );
  return lines.find((line) => line.startsWith("error")) ?? lines[0] ?? reason.trim();
}
