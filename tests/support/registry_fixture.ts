/** What the tests of the registry share. */

import { createHash } from "node:crypto";
import { TaskerError } from "../../src/core/errors.ts";
import type { Definitions } from "../../src/core/ports.ts";
import type { Definition } from "../../src/core/workflow.ts";
import type { PlacedFault } from "../../src/registry/fault.ts";

/** SHA-256, as `Runtime.digest` makes it. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Definitions in memory. */
export class MemoryDefinitions implements Definitions {
  readonly stored = new Map<string, Definition>();
  gets = 0;

  put(hash: string, definition: Definition): Promise<void> {
    this.stored.set(hash, definition);
    return Promise.resolve();
  }

  get(hash: string): Promise<Definition | undefined> {
    this.gets++;
    return Promise.resolve(this.stored.get(hash));
  }

  list(): Promise<readonly { hash: string; definition: Definition }[]> {
    return Promise.resolve([...this.stored].map(([hash, definition]) => ({ hash, definition })));
  }
}

/** Runs what must be refused; returns the error. */
export async function refusal(refused: () => unknown): Promise<TaskerError> {
  try {
    await refused();
  } catch (error) {
    if (error instanceof TaskerError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

/** The faults of what must be refused, as `line:column path code`. */
export async function faultsOf(refused: () => unknown): Promise<readonly string[]> {
  const { faults } = await refusal(refused);
  return (faults as readonly PlacedFault[]).map(({ at, path, code }) =>
    `${at?.line}:${at?.column} ${path} ${code}`
  );
}

/** Runs with a folder of files, which is gone afterwards. */
export async function withFolder(
  files: Readonly<Record<string, string>>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
