/** Definitions and policies in memory: the same ports without Postgres. */

import { TaskerError } from "../core/errors.ts";
import type { Definitions, Policies, PolicyOverlay } from "../core/ports.ts";
import { type Definition, workflowName } from "../core/workflow.ts";

/** The Definitions port in memory. */
export class MemoryDefinitions implements Definitions {
  readonly #bodies = new Map<string, Definition>();
  readonly #versions = new Map<string, string>();

  put(hash: string, definition: Definition): Promise<void> {
    const version = `${workflowName(definition)}@${definition.version}`;
    const kept = this.#versions.get(version) ?? hash;
    if (kept !== hash) {
      throw new TaskerError(
        "definition.changed",
        `Cannot store "${version}": it stands for another definition`,
      );
    }
    this.#versions.set(version, hash);
    this.#bodies.set(hash, definition);
    return Promise.resolve();
  }

  get(hash: string): Promise<Definition | undefined> {
    return Promise.resolve(this.#bodies.get(hash));
  }

  list(): Promise<readonly { hash: string; definition: Definition }[]> {
    return Promise.resolve([...this.#bodies].map(([hash, definition]) => ({ hash, definition })));
  }
}

/** Makes the error of a policy that is not at the version which a change was made for. */
export function policyConflict(name: string, expected: number, present: number): TaskerError {
  return new TaskerError(
    "policy.conflict",
    `Cannot change the policy of "${name}": expected version ${expected}, it is at ${present}`,
  );
}

/** The Policies port in memory. */
export class MemoryPolicies implements Policies {
  readonly #overlays = new Map<string, PolicyOverlay[]>();

  versions(namespace: string, workflow: string): Promise<readonly PolicyOverlay[]> {
    return Promise.resolve(this.#overlays.get(`${namespace}/${workflow}`) ?? []);
  }

  newest(): Promise<ReadonlyMap<string, PolicyOverlay>> {
    const newest = [...this.#overlays].flatMap(([name, all]) => {
      const last = all.at(-1);
      return last === undefined ? [] : [[name, last] as const];
    });
    return Promise.resolve(new Map(newest));
  }

  put(
    namespace: string,
    workflow: string,
    overlay: Omit<PolicyOverlay, "version">,
    expectedVersion?: number,
  ): Promise<PolicyOverlay> {
    const name = `${namespace}/${workflow}`;
    const all = this.#overlays.get(name) ?? [];
    if (expectedVersion !== undefined && expectedVersion !== all.length) {
      return Promise.reject(policyConflict(name, expectedVersion, all.length));
    }
    const next = { ...overlay, version: all.length + 1 };
    this.#overlays.set(name, [...all, next]);
    return Promise.resolve(next);
  }
}
