/** File text: what a file says, if it is UTF-8. */

import { UsageError } from "./arguments.ts";

/**
 * Decodes a file; a byte order mark is left out.
 *
 * @throws {UsageError} when it is not UTF-8: guessing would change its letters silently
 */
export function fileText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`Cannot read ${path}: it is not UTF-8; save it as UTF-8 and try again`);
  }
}
