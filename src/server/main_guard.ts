/**
 * Protects the server from step code, which runs in the same process: takes rights away before any
 * is loaded, and distinguishes its uncaught errors from the engine's own.
 */

import { messageOf, TaskerError } from "../core/errors.ts";
import type { Log } from "../telemetry/log.ts";
import { type Config, CONFIG_NAMES } from "./config.ts";

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
  promise.catch(() => {}); // the server awaits it later; until then it must not count as unhandled
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

/**
 * Gives up for good: opening libraries, the folder of its own data, and all names of the
 * configuration with their values. What is open stays open. Safe to repeat.
 *
 * Step code keeps what TASKER_ALLOW_NET, _ENV and _READ name, and the folder of workflows.
 */
export function seal(config: Pick<Config, "dataDir" | "allowEnv">): void {
  Deno.permissions.revokeSync({ name: "ffi" });
  Deno.permissions.revokeSync({ name: "read", path: config.dataDir });
  Deno.permissions.revokeSync({ name: "write", path: config.dataDir });
  for (const variable of [...CONFIG_NAMES, "PGPASSWORD"]) {
    if (!config.allowEnv.includes(variable)) forget(variable);
  }
  // A property that every object has would reach all of the engine: adding one is an error.
  Object.preventExtensions(Object.prototype);
}

/** The library that speaks to Postgres reads PG*, and must find no value rather than no right. */
function forget(variable: string): void {
  if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return;
  Deno.env.delete(variable);
  if (!variable.startsWith("PG")) Deno.permissions.revokeSync({ name: "env", variable });
}

/** Puts the password of PGPASSWORD into an address without one, so that nothing needs the variable. */
export function withPassword(
  address: string | undefined,
  password: string | undefined,
): string | undefined {
  if (address === undefined || password === undefined || password === "") return address;
  const url = new URL(address);
  if (url.password === "") url.password = encodeURIComponent(password);
  return url.href;
}
