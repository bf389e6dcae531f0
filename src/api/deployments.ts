/** Handlers of deployments. */

import type { DeploymentEntry } from "../core/deployment.ts";
import type { DeployGrants } from "../core/ports.ts";
import type { DEPLOYMENTS } from "../operations/deployments.ts";
import { timeText } from "../operations/schema.ts";
import type { Caller } from "./access.ts";
import { directoryFor } from "./documents.ts";
import type { Handlers, Services } from "./handler.ts";

/** Handlers of everything that deploys workflows, and shows what was deployed. */
export function deploymentHandlers(
  { deployer, systems }: Services,
): Handlers<typeof DEPLOYMENTS> {
  return {
    async deployWorkflow({ text, file, reason, dryRun, force }, { caller, signal }) {
      const report = await deployer.deploy({
        ...{
          text,
          file,
          reason,
          by: caller.signature(),
          isDryRun: dryRun,
          grants: grantsOf(caller),
        },
        ...{ directory: directoryFor(caller, systems()), signal },
        ...(force !== undefined && { force }),
      });
      return { status: 200, body: report };
    },
    async revertWorkflow({ namespace, name, to, reason, dryRun }, { caller }) {
      caller.demandNamespace(namespace);
      const by = caller.signature();
      const report = await deployer.revert({ namespace, name, to, by, reason, isDryRun: dryRun });
      return { status: 200, body: report };
    },
    async workflowSource({ namespace, name, version }, { caller }) {
      caller.demandSeen(namespace, name);
      const { text, starts, ...entry } = await deployer.source({ namespace, name }, version);
      return { status: 200, body: { namespace, name, starts, text, ...entryDocument(entry) } };
    },
    async deployHistory({ namespace, name, limit, cursor }, { caller }) {
      caller.demandSeen(namespace, name);
      const page = { limit, ...(cursor !== undefined && { before: cursor }) };
      const entries = await deployer.history({ namespace, name }, page);
      const last = entries.at(-1);
      const isMore = entries.length === limit && last !== undefined;
      return {
        status: 200,
        body: {
          deployments: entries.map(entryDocument),
          ...(isMore && { nextCursor: String(last.entry) }),
        },
      };
    },
  };
}

function grantsOf(caller: Caller): DeployGrants {
  return {
    demandNamespace: (namespace) => caller.demandNamespace(namespace),
    coversSystem: (system) => caller.coversSystem(system),
    coversAll: caller.namespaces === undefined,
  };
}

function entryDocument({ entry, kind, version, hash, by, reason, forced, atMs }: DeploymentEntry) {
  const of = { entry, kind, version, hash, by, reason, ...(forced !== undefined && { forced }) };
  return { ...of, at: timeText(atMs) };
}
