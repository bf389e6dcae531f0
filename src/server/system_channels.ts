/** System channels: which channels of other systems this node consumes, as systems come and go. */

import type { SystemDirectory } from "../core/system_directory.ts";
import type { EndConsumption } from "../dispatch/consumption.ts";
import type { Registry } from "../registry/workflows.ts";

/** Begins the key of a reply channel. */
const REPLY = "reply/";

/** Consumes the channels of one system until the result is called. */
interface Openers {
  replies(system: string): EndConsumption;
  inbound(system: string): EndConsumption;
}

/**
 * The reply and the inbound channel of each system that a workflow names, that has registered, or that an
 * attempt asks. What an attempt asks stays open: its reply may come after its system has gone.
 */
export class SystemChannels {
  readonly #open = new Map<string, EndConsumption>();
  /** Owners of remote steps, and whom attempts asked: the replies to tasks come after a version has gone. */
  readonly #lasting = new Set<string>();
  #owners: ReadonlySet<string> = new Set();
  readonly #ending = new Set<Promise<void>>();
  #openers: Openers | undefined;

  constructor(
    readonly deps: {
      readonly registry: Pick<Registry, "owners" | "subscribe">;
      readonly directory: Pick<SystemDirectory, "systems" | "get" | "subscribe">;
    },
  ) {
    this.#learnOwners();
    deps.registry.subscribe(() => {
      this.#learnOwners();
      this.#follow();
    });
    deps.directory.subscribe(() => this.#follow());
  }

  #learnOwners(): void {
    const owners = this.deps.registry.owners();
    this.#owners = new Set(owners.map(({ name }) => name));
    for (const { name, kind } of owners) if (kind === "remote") this.#lasting.add(name);
  }

  /** Begins to consume. */
  open(openers: Openers): void {
    this.#openers = openers;
    this.#follow();
  }

  /** The systems whose replies are consumed. */
  get replying(): readonly string[] {
    return [...this.#open.keys()].filter((key) => key.startsWith(REPLY))
      .map((key) => key.slice(REPLY.length));
  }

  /** Whether there is such a system. */
  isKnown(system: string): boolean {
    return this.#owners.has(system) || this.deps.directory.get(system) !== undefined;
  }

  /** Consumes the replies of a system that an attempt asks. Cost: a look-up, if they are already. */
  asked(system: string): void {
    if (this.#lasting.has(system)) return;
    this.#lasting.add(system);
    this.#follow();
  }

  /** Consumes nothing more; resolves when what is in flight has settled. */
  async close(): Promise<void> {
    this.#openers = undefined;
    for (const system of [...this.#open.keys()]) this.#end(system);
    await Promise.all(this.#ending);
  }

  #follow(): void {
    const openers = this.#openers;
    if (openers === undefined) return;
    const registered = [...this.deps.directory.systems].map(({ name }) => name);
    const replying = new Set([...this.#lasting, ...registered]);
    const asking = new Set([...this.#owners, ...registered]);
    this.#keep("reply", replying, (system) => openers.replies(system));
    this.#keep("in", asking, (system) => openers.inbound(system));
  }

  /** Opens the channels of a kind that are missing, and ends those that are not wanted any more. */
  #keep(
    kind: string,
    wanted: ReadonlySet<string>,
    open: (system: string) => EndConsumption,
  ): void {
    for (const system of wanted) {
      const key = `${kind}/${system}`;
      if (!this.#open.has(key)) this.#open.set(key, open(system));
    }
    for (const key of [...this.#open.keys()]) {
      const [of = "", system = ""] = key.split("/");
      if (of === kind && !wanted.has(system)) this.#end(key);
    }
  }

  #end(key: string): void {
    const end = this.#open.get(key);
    this.#open.delete(key);
    if (end === undefined) return;
    const ended = end().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }
}
