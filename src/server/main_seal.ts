/** What the server gives up before any workflow is loaded: step code runs in the same process. */

import { type Config, CONFIG_NAMES } from "./config.ts";

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
