/** Loads the client library of Kafka with the few rights that a server has. */

import process from "node:process";
import { fileURLToPath } from "node:url";
import type { KafkaLibrary } from "./client.ts";

const PACKAGE = "@platformatic/kafka";

/** A package beside that of the library: it reads a file of its own when it is loaded. */
const NEIGHBOUR = "@platformatic/wasm-utils";

/**
 * Loads the library.
 *
 * A package that it loads lists all names of the environment at once, which Deno allows only to a
 * process that may read every one of them. While it loads, it sees an environment without names;
 * nothing else of this process runs before the bus is open.
 */
export async function loadKafkaLibrary(): Promise<KafkaLibrary> {
  const { env } = process;
  process.env = {};
  try {
    return await import("@platformatic/kafka");
  } finally {
    process.env = env;
  }
}

/** Returns the folders that a process must be allowed to read in order to load the library. */
export function kafkaFolders(): readonly string[] {
  const url = import.meta.resolve(PACKAGE);
  return [fileURLToPath(`${url.slice(0, url.indexOf(PACKAGE))}${NEIGHBOUR}`)];
}
