/** Handlers of documents: workflows as texts, checked against what is registered. */

import type { Directory } from "../core/authoring.ts";
import type { DraftRequest } from "../core/draft.ts";
import type { SystemSummary } from "../core/ports.ts";
import type { DOCUMENTS } from "../operations/documents.ts";
import type { Caller } from "./access.ts";
import type { Handlers, Services } from "./handler.ts";
import { followTable, newestDefinitions, withTimes } from "./suggestions.ts";
import { offersFor, visibleSystems } from "./systems.ts";

/** Handlers of everything that is asked of a text. */
export function documentHandlers(
  { documents, rehearser, generator, systems, hosts, ...services }: Services,
): Handlers<typeof DOCUMENTS> {
  const directoryOf = (caller: Caller) => ({
    ...directoryFor(caller, systems()),
    ...(hosts !== undefined && { hosts: [...hosts] }),
  });
  /** The text that is to be changed, where a deployed workflow is named instead. */
  const baseOf = async ({ base }: DraftRequest, caller: Caller) => {
    if (base?.workflow === undefined) return base;
    const [namespace = "", name = ""] = base.workflow.split("/");
    caller.demandSeen(namespace, name);
    const { text } = await services.deployer.source({ namespace, name }, undefined);
    return { text };
  };
  return {
    async checkDocument(of, { caller, signal }) {
      const asked = { ...of, by: caller.keyId, signal };
      const problems = await documents.check(asked, directoryOf(caller));
      return { status: 200, body: { problems } };
    },
    async editDocument({ edits, as, ...of }, { caller, signal }) {
      const asked = { ...of, by: caller.keyId, signal };
      const body = await documents.edit(asked, { edits, as, directory: directoryOf(caller) });
      return { status: 200, body };
    },
    async suggestSteps({ after, capability, owner, limit, ...of }, { caller, signal }) {
      const definitions = await newestDefinitions(services, caller);
      const suggested = await documents.suggest({ ...of, by: caller.keyId, signal }, {
        ...{ directory: directoryOf(caller), follows: followTable(definitions) },
        ...{ after, capability, owner, limit },
      });
      const suggestions = await withTimes(suggested, { ...services, definitions });
      return { status: 200, body: { suggestions } };
    },
    async simulateDocument({ text, file, input, failures }, { caller, signal }) {
      const body = await rehearser.rehearse({
        ...{ text, file, by: caller.keyId, signal },
        ...(input !== undefined && { input }),
        ...(failures !== undefined && { failures }),
      });
      return { status: 200, body };
    },
    async generateWorkflow(request, { caller, signal }) {
      if (request.base === undefined) caller.demandNamespace(request.namespace);
      const base = await baseOf(request, caller);
      const directory = directoryOf(caller);
      const who = { by: caller.keyId, signal };
      const body = await generator.generate({ ...request, base }, directory, who);
      return { status: 200, body };
    },
    getDirectory(_input, { caller }) {
      return Promise.resolve({ status: 200, body: directoryOf(caller) });
    },
  };
}

/** What a caller's documents may use. A system that only others may see does not exist for them. */
export function directoryFor(caller: Caller, all: readonly SystemSummary[]): Directory {
  return {
    systems: visibleSystems(caller, all).map((system) => {
      const workers = system.instances.filter(({ isDeclared }) => !isDeclared);
      const offers = offersFor(caller, system);
      // What a manifest only expects says nothing about what is registered under its name.
      const registered = new Set(
        offers.flatMap(({ name, version }) => version === undefined ? [] : [name]),
      );
      const isAway = system.kind === "remote" && workers.length > 0 &&
        workers.every(({ state }) => state !== "healthy");
      return {
        name: system.name,
        ...(isAway && { healthy: false }),
        capabilities: offers.filter(({ name, version }) =>
          version !== undefined || !registered.has(name)
        ).map((offer) => ({
          name: offer.name,
          ...(offer.version !== undefined && { version: offer.version }),
          ...(offer.effect !== undefined && { effect: offer.effect }),
          ...(offer.description !== undefined && { description: offer.description }),
          ...(offer.input !== undefined && { input: offer.input }),
          ...(offer.output !== undefined && { output: offer.output }),
          ...(offer.timeoutMs !== undefined && { timeoutMs: offer.timeoutMs }),
        })),
      };
    }),
  };
}
