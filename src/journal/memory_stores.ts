/** Small tables in memory: the same ports without Postgres, for tests and simulation. */

import { canaryOn } from "../core/canary.ts";
import { TaskerError } from "../core/errors.ts";
import type {
  Definitions,
  NewOverlay,
  Policies,
  PolicyOverlay,
  SharedStates,
  VersionedState,
} from "../core/ports.ts";
import { type Definition, workflowName } from "../core/workflow.ts";
import { policyConflict } from "./policies.ts";

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
        `Cannot store "${version}": this version is stored with another definition; use a new version`,
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
    overlay: NewOverlay,
    expectedVersion?: number,
  ): Promise<PolicyOverlay> {
    const name = `${namespace}/${workflow}`;
    const all = this.#overlays.get(name) ?? [];
    if (expectedVersion !== undefined && expectedVersion !== all.length) {
      return Promise.reject(policyConflict(namespace, workflow, expectedVersion, all.length));
    }
    return Promise.try(() => {
      const canary = canaryOn(all.at(-1), overlay, name);
      const { canary: _, ...more } = overlay;
      const next = { ...more, version: all.length + 1, ...(canary !== undefined && { canary }) };
      this.#overlays.set(name, [...all, next]);
      return next;
    });
  }
}

/** The SharedStates port in memory. */
export class MemorySharedStates implements SharedStates {
  readonly #states = new Map<string, VersionedState>();

  read(keys: readonly string[]): Promise<ReadonlyMap<string, VersionedState>> {
    const known = keys.flatMap((key) => {
      const state = this.#states.get(key);
      return state === undefined ? [] : [[key, state] as const];
    });
    return Promise.resolve(new Map(known));
  }

  write(states: ReadonlyMap<string, VersionedState>): Promise<ReadonlySet<string>> {
    const written = [...states].filter(([key, { version }]) =>
      (this.#states.get(key)?.version ?? 0) === version
    );
    for (const [key, { version, state }] of written) {
      this.#states.set(key, { version: version + 1, state });
    }
    return Promise.resolve(new Set(written.map(([key]) => key)));
  }
}
