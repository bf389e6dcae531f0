/** Deployments of a node: what is deployed is loaded, and documents are checked by what is allowed here. */

import type { Deployer, DeployGrants, Documents, Rehearser, Runtime } from "../core/ports.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import type { SystemDirectory } from "../core/system_directory.ts";
import type { OpenJournal } from "../journal/open.ts";
import type { BuiltWorkflow } from "../registry/build.ts";
import { DeployedWorkflows } from "../registry/deployed.ts";
import { openDeployer, type Refusal } from "../registry/deployer.ts";
import type { Registry } from "../registry/workflows.ts";
import type { Log } from "../telemetry/log.ts";
import type { Config } from "./config.ts";
import { type Asked, askedBy, refusedIn, secretsOf } from "./egress_check.ts";

interface DeploymentDeps {
  readonly config: Pick<Config, "egress" | "secrets">;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly journal: Pick<OpenJournal, "definitions" | "deployments">;
  readonly registry: Registry;
}

/**
 * Loads what is deployed.
 *
 * @throws {TaskerError} journal.unavailable
 */
export async function openDeployed(
  { runtime, log, journal, registry }: Omit<DeploymentDeps, "config">,
): Promise<DeployedWorkflows> {
  const { definitions, deployments: store } = journal;
  const warn = log.warn.bind(log);
  const deployed = new DeployedWorkflows({ runtime, store, definitions, registry, warn });
  await deployed.open();
  return deployed;
}

/** Opens what takes new versions. */
export function openDeployerOf(
  deps: DeploymentDeps & {
    readonly deployed: DeployedWorkflows;
    readonly documents: Documents;
    readonly rehearser: Rehearser;
    readonly directory: Pick<SystemDirectory, "serves">;
  },
): Deployer {
  const { runtime, log, journal, registry, deployed } = deps;
  const { definitions } = journal;
  deployed.readIn(deps.documents);
  return openDeployer({
    runtime,
    registry,
    deployed,
    store: journal.deployments,
    definitions,
    documents: deps.documents,
    rehearser: deps.rehearser,
    openTasks: (hash, definition) => definitions.openTasks(hash, definition),
    refusals: (built, grants) => [
      ...refusedRequests(deps, built, grants),
      ...refusedSystems(deps, built, grants),
    ],
    info: log.info.bind(log),
  });
}

/**
 * Requests to hosts that are not configured; and secrets that no workflow of the namespace sends to
 * this host yet, unless the key covers all namespaces: a secret belongs to the whole installation.
 */
function refusedRequests(
  { config, registry }: DeploymentDeps,
  built: BuiltWorkflow,
  { coversAll }: DeployGrants,
): readonly Refusal[] {
  const asked = requestsOf(built);
  const { namespace } = built.definition;
  const known = new Set(
    registry.starting().filter(({ definition }) => definition.namespace === namespace)
      .flatMap(requestsOf).flatMap(sendings),
  );
  const refused = refusedIn(asked, config).map(({ path, why }): Refusal => ({
    path,
    code: "W42",
    detail: why,
  }));
  const secrets = coversAll
    ? []
    : asked.flatMap((one) =>
      sendings(one).filter((sending) => !known.has(sending)).map((sending): Refusal => ({
        path: one.path,
        code: "W15",
        detail:
          `no workflow of namespace "${namespace}" sends ${sending} yet: only a key that covers ` +
          "all namespaces may begin to",
      }))
    );
  return [...refused, ...secrets];
}

/** Which secrets a request sends where. */
function sendings(asked: Asked): readonly string[] {
  const origin = asked.url === undefined ? undefined : URL.parse(asked.url)?.origin;
  return secretsOf(asked).map((secret) => `secret "${secret}" to ${origin ?? "any host"}`);
}

/** Every request that a workflow lets the engine make. */
function requestsOf({ plan, systems }: BuiltWorkflow): readonly Asked[] {
  const declared = Object.entries(systems).flatMap(([name, system]): readonly Asked[] => {
    const what = `System "${name}"`;
    const { transport, base_url: url, health_check_url: health, headers } = system;
    const calls = transport === "http"
      ? [{ what, path: `systems.${name}.base_url`, url, headers }]
      : [];
    return health === undefined
      ? calls
      : [...calls, { what, path: `systems.${name}.health_check_url`, url: health, headers: {} }];
  });
  return [...askedBy(plan), ...declared];
}

/**
 * Systems that who deploys may not speak for, and that the namespace does not use yet: by naming one a
 * workflow sends it envelopes, and lets it start tasks in the namespace.
 */
function refusedSystems(
  { registry, directory }: {
    readonly registry: Registry;
    readonly directory: Pick<SystemDirectory, "serves">;
  },
  { definition: { namespace, steps }, systems }: BuiltWorkflow,
  { coversSystem }: DeployGrants,
): readonly Refusal[] {
  const named = [
    ...Object.keys(systems).map((system) => ({ system, path: `systems.${system}` })),
    ...steps.flatMap(({ kind, owner, alternatives = [] }, index) => [
      ...(kind === "remote" ? [{ system: owner, path: `workflow_steps[${index}].owner` }] : []),
      ...alternatives.flatMap(({ system }) =>
        system === undefined ? [] : { system, path: `workflow_steps[${index}].alternatives` }
      ),
    ]),
  ];
  return named.filter(({ system }) =>
    system !== ANY_SYSTEM && !coversSystem(system) && !registry.isNamed(system, namespace) &&
    !directory.serves(system, namespace)
  ).map(({ system, path }): Refusal => ({
    path,
    code: "W15",
    detail:
      `no workflow of namespace "${namespace}" uses system "${system}" yet: only a key that ` +
      "covers the system may begin to",
  }));
}
