/** Deployments in memory: the same port without Postgres. */

import {
  type DeployedDocument,
  type DeployedText,
  type DeploymentEntry,
  type DeploymentPage,
  type NewDeployment,
  type StoredVersion,
  type WorkflowName,
} from "../../src/core/deployment.ts";
import type { Definitions, Deployments } from "../../src/core/ports.ts";
import { workflowName } from "../../src/core/workflow.ts";
import { added, versionTaken } from "../../src/journal/deployments.ts";

interface Kept extends DeploymentEntry {
  readonly number: number;
  readonly text: string | undefined;
}

/** The Deployments port in memory; versions are those of `definitions`. */
export class MemoryDeployments implements Deployments {
  readonly #kept: Kept[] = [];

  constructor(readonly definitions: Definitions, readonly now: () => number = () => 0) {}

  async newest(after: number): Promise<readonly DeployedText[]> {
    const newest = [...new Map(this.#kept.map((one) => [workflowName(one), one])).values()]
      .filter(({ number }) => number > after)
      .sort((one, other) => one.number - other.number);
    return await Promise.all(
      newest.map(async ({ namespace, name, entry, number, version, hash }) => {
        const text = (await this.document({ namespace, name }, version))?.text ?? "";
        return { namespace, name, entry, number, version, hash, text };
      }),
    );
  }

  entries(
    of: WorkflowName,
    { limit, before = Infinity }: DeploymentPage,
  ): Promise<readonly DeploymentEntry[]> {
    const found = this.#of(of).filter(({ entry }) => entry < before).reverse();
    return Promise.resolve(
      found.slice(0, limit).map(({ number: _, text: __, ...entry }) => entry),
    );
  }

  async versions(of: WorkflowName): Promise<readonly StoredVersion[]> {
    const stored = await this.definitions.list();
    return stored.filter(({ definition }) => workflowName(definition) === workflowName(of))
      .map(({ hash, definition: { version } }) => ({ version, hash }));
  }

  document(of: WorkflowName, version: string): Promise<DeployedDocument | undefined> {
    const found = this.#of(of).find((one) => one.version === version && one.text !== undefined);
    if (found?.text === undefined) return Promise.resolve(undefined);
    const { number: _, ...entry } = found;
    return Promise.resolve({ ...entry, text: found.text });
  }

  async add(entry: NewDeployment): Promise<DeploymentEntry | undefined> {
    const stands = (await this.versions(entry)).find(({ version }) => version === entry.version);
    if ((this.#of(entry).at(-1)?.entry ?? 0) !== entry.after) return undefined;
    if (stands !== undefined && stands.hash !== entry.hash) throw versionTaken(entry);
    const next = added(entry, entry.after + 1, this.now());
    const { text, definition } = entry.document ?? {};
    this.#kept.push({ ...next, number: this.#kept.length + 1, text });
    if (definition !== undefined) await this.definitions.put(entry.hash, definition);
    return next;
  }

  #of(of: WorkflowName): readonly Kept[] {
    return this.#kept.filter((one) => workflowName(one) === workflowName(of));
  }
}
