/** Deployed workflows: loads what came as documents, at the start and as it comes. */

import type { DeployedText } from "../core/deployment.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { planOf } from "../core/plan.ts";
import type {
  Definitions,
  Deployments,
  Documents,
  DocumentSource,
  Runtime,
} from "../core/ports.ts";
import { workflowName } from "../core/workflow.ts";
import { buildWorkflow, type BuiltWorkflow } from "./build.ts";
import { moduleOf } from "./load.ts";
import { type Manifest, manifestOf, readManifest } from "./manifest.ts";
import type { DeployedWorkflow, Registry } from "./workflows.ts";
import { placedValue } from "./yaml.ts";

/** What faults call a document that has no file. */
const DOCUMENT_FILE = "workflow.yaml";

/**
 * Has a document read, and checks what was read. `file` names it in faults.
 *
 * @throws {TaskerError} definition.invalid with all faults, each with line and column
 */
export async function readDocument(
  documents: Pick<Documents, "read">,
  { text, file = DOCUMENT_FILE, by }: Pick<DocumentSource, "text" | "file" | "by">,
): Promise<Manifest> {
  return manifestOf(file, placedValue(file, await documents.read({ text, by })));
}

/**
 * Builds the workflow of a document. Pure.
 *
 * @throws {TaskerError} definition.invalid with all faults, each with line and column
 */
export function buildDocument(manifest: Manifest, digest: Runtime["digest"]): BuiltWorkflow {
  return buildWorkflow(moduleOf(new URL(`file:///${DOCUMENT_FILE}`), manifest), {
    digest,
    manifest,
  });
}

/** What loading works with. */
interface DeployedDeps {
  readonly runtime: Pick<Runtime, "digest" | "soon">;
  readonly store: Deployments;
  readonly definitions: Definitions;
  readonly registry: Registry;
  warn(text: string, fields: Readonly<Record<string, unknown>>): void;
}

/**
 * What is deployed, as this node has loaded it. A document that this server cannot load holds up no
 * other one: starts of its workflow are refused with the reason, and tasks under way go on by the
 * definition that was stored with it.
 */
export class DeployedWorkflows {
  readonly #byName = new Map<string, DeployedWorkflow>();
  /** The number up to which entries were read. */
  #seen = 0;
  /** From then on versions may come that the registry was not opened with. */
  #isOpen = false;
  #isReading = false;
  #reading = Promise.resolve();
  #documents: Pick<Documents, "read"> | undefined;

  constructor(readonly deps: DeployedDeps) {}

  /**
   * Loads everything that is deployed. Cost: about 1 ms a workflow, up to a second for the largest.
   *
   * @throws {TaskerError} journal.unavailable
   */
  async open(): Promise<void> {
    await this.refresh();
    this.#isOpen = true;
    const { registry, warn } = this.deps;
    for (const { workflow, version } of this.#byName.values()) {
      const file = registry.fileOf(workflow);
      if (file === undefined) continue;
      const said = "A workflow that was deployed is in a file, too: starts take what the file has";
      warn(said, { workflow, deployed: version, file });
    }
  }

  /** Has documents read there from now on, as a large one takes long. */
  readIn(documents: Pick<Documents, "read">): void {
    this.#documents = documents;
  }

  /**
   * Builds the workflow of a text that was deployed.
   *
   * @throws {TaskerError} definition.invalid when this version of Tasker does not take it
   */
  async build(text: string): Promise<BuiltWorkflow> {
    const manifest = await this.#manifestOf(text);
    return buildDocument(manifest, (more) => this.deps.runtime.digest(more));
  }

  /** Takes the number of the last entry out of a poll. Safe to repeat. */
  saw(number: number | undefined): void {
    if (number === undefined || number <= this.#seen || this.#isReading) return;
    this.refresh(number).catch((error) =>
      this.deps.warn("Cannot read what was deployed yet: the next poll tries again", {
        error: messageOf(error),
      })
    );
  }

  /**
   * Loads what was deployed since, all entries that were added before this call.
   *
   * @throws {TaskerError} journal.unavailable
   */
  refresh(seen = 0): Promise<void> {
    const read = this.#reading.then(() => this.#read(seen));
    this.#reading = read.catch(() => {});
    return read;
  }

  async #read(seen: number): Promise<void> {
    this.#isReading = true;
    try {
      const { registry, store } = this.deps;
      const changed = await store.newest(this.#seen);
      for (const one of changed) {
        this.#byName.set(workflowName(one), await this.#load(one));
        if (this.#isOpen) await this.#rememberVersions(one);
      }
      if (changed.length > 0) registry.adopt([...this.#byName.values()]);
      this.#seen = Math.max(seen, this.#seen, changed.at(-1)?.number ?? 0);
    } finally {
      this.#isReading = false;
    }
  }

  /** Between two documents others get a turn: a thousand of them take a second. */
  async #load({ text, version, hash, ...of }: DeployedText): Promise<DeployedWorkflow> {
    const { runtime, warn } = this.deps;
    await new Promise<void>((resolve) => runtime.soon(resolve));
    const workflow = workflowName(of);
    try {
      return { workflow, version, loaded: await this.#asStored(await this.build(text), hash) };
    } catch (thrown) {
      const loaded = thrown instanceof TaskerError
        ? thrown
        : new TaskerError("definition.invalid", messageOf(thrown), { cause: thrown });
      const said = "Cannot load a deployed workflow: it is not started until another version is";
      warn(said, { workflow, version, error: loaded.message });
      return { workflow, version, loaded };
    }
  }

  async #manifestOf(text: string): Promise<Manifest> {
    const documents = this.#documents;
    if (documents === undefined) return readManifest(DOCUMENT_FILE, text);
    try {
      return await readDocument(documents, { text });
    } catch (error) {
      if (error instanceof TaskerError && error.code === "definition.invalid") throw error;
      // It was read when it was deployed; that others are busy or have ended keeps it from no start.
      return readManifest(DOCUMENT_FILE, text);
    }
  }

  /**
   * A version stands for what was stored under it: a server that reads its document differently runs
   * that, too.
   */
  async #asStored(built: BuiltWorkflow, hash: string): Promise<BuiltWorkflow> {
    if (built.hash === hash) return built;
    const definition = await this.deps.definitions.get(hash);
    if (definition === undefined) throw new Error("its definition is not stored");
    return { ...built, hash, definition, plan: planOf(hash, definition) };
  }

  /** Of versions that came between two reads only the last is loaded; the others can be named. */
  async #rememberVersions(of: DeployedText): Promise<void> {
    const { store, definitions, registry } = this.deps;
    for (const { version, hash } of await store.versions(of)) {
      if (registry.find(workflowName(of), version) !== undefined) continue;
      const definition = await definitions.get(hash);
      if (definition !== undefined) registry.remember({ hash, definition });
    }
  }
}
