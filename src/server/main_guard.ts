/** Errors that nobody caught: whose they are, and what the server does about them. */

import { messageOf, TaskerError } from "../core/errors.ts";
import type { Log } from "../telemetry/log.ts";

/** Folders of the engine: what is thrown by a file there, and caught by none, is a bug of ours. */
const ENGINE_FOLDERS = ["src/", "actors/", "ffi/"].map((folder) =>
  new URL(`../../${folder}`, import.meta.url).href
);

let isEnding = false;

/** Ends the process with a code of ours. */
export function endProcess(code: number): never {
  isEnding = true;
  Deno.exit(code);
}

/**
 * Takes all errors that nobody catches. Those of step code and of libraries are logged: a promise
 * that a step left alone, or what postgres.js throws out of its write loop, harms no other task.
 *
 * @returns rejects at the first error of the engine itself: a part of it has stopped in the middle,
 *   so the server must not go on
 */
export function guard(log: Log): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {}); // whoever serves awaits it; until then it is no unhandled rejection
  const take = (event: Event, what: string, error: unknown) => {
    event.preventDefault();
    const text = textOf(error);
    if (isOfEngine(error)) {
      log.error("The engine has a bug and ends; the journal goes on at the next start", {
        error: text,
        stack: stackOf(error),
      });
      return reject(error);
    }
    log.error(`${what} of step code or a library`, { error: text, stack: stackOf(error) });
  };
  globalThis.addEventListener("unhandledrejection", (event) => {
    take(event, "An unhandled rejection", event.reason);
  });
  globalThis.addEventListener("error", (event) => take(event, "An uncaught error", event.error));
  globalThis.addEventListener("unload", () => {
    if (isEnding) return;
    log.error("Step code or a library ended the process, by Deno.exit or process.exit");
    Deno.exitCode = 1; // whatever it was called with: the server has not drained
  });
  return promise;
}

/**
 * Whether an error was thrown by the engine itself, on no step's behalf. Operating errors say that
 * something outside failed, not that the engine did.
 */
export function isOfEngine(error: unknown): boolean {
  const stack = stackOf(error);
  if (stack === undefined || isOperating(error)) return false;
  const files = stack.split("\n").flatMap((line) =>
    /\(?(file:\/\/.+?):\d+:\d+\)?$/.exec(line)?.[1] ?? []
  );
  const [thrower] = files;
  return thrower !== undefined && isEngineFile(thrower) &&
    files.every((file) => isEngineFile(file) || isPackageFile(file));
}

function isEngineFile(url: string): boolean {
  return ENGINE_FOLDERS.some((folder) => url.startsWith(folder));
}

/** Deno keeps npm's packages in its cache, under the registry's name. */
function isPackageFile(url: string): boolean {
  return url.includes("/npm/") || url.includes("/node_modules/");
}

function isOperating(error: unknown): boolean {
  return error instanceof TaskerError;
}

/** Step code may throw anything, a Proxy with traps that throw as well. */
function stackOf(error: unknown): string | undefined {
  try {
    return error instanceof Error && typeof error.stack === "string" ? error.stack : undefined;
  } catch {
    return undefined;
  }
}

function textOf(error: unknown): string {
  try {
    return messageOf(error);
  } catch {
    return "a value that cannot be read";
  }
}
