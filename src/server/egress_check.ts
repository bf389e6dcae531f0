/** Says at the start which requests of the loaded workflows the configuration does not allow. */

import { messageOf } from "../core/errors.ts";
import type { HttpSystem } from "../core/http_call.ts";
import type { Plan } from "../core/plan.ts";
import type { Config } from "./config.ts";
import { type EgressRules, NO_RULES, targetOf, withRule } from "../egress/rules.ts";
import type { Registry } from "../registry/workflows.ts";
import type { Log } from "../telemetry/log.ts";

/** A request that a workflow makes: where to, and with which secrets. */
export interface Asked {
  readonly what: string;
  /** Where the document says it. */
  readonly path: string;
  readonly url: string | undefined;
  readonly headers: HttpSystem["headers"];
}

/** What the configuration allows. */
type Allowed = Pick<Config, "egress" | "secrets">;

/**
 * Warns of each host that TASKER_EGRESS does not name, and of each secret that TASKER_SECRETS does
 * not: steps that need them fail, and it is better to know that before they run.
 */
export function warnOfRefused(
  { registry, config, log }: {
    readonly registry: Pick<Registry, "list" | "httpSystems">;
    readonly config: Allowed;
    readonly log: Pick<Log, "warn">;
  },
): void {
  for (const { what, why } of refusedIn(askedIn(registry), config)) {
    log.warn(`${what} fails: ${why}`);
  }
}

/** Lists what the configuration does not allow of requests. */
export function refusedIn(
  asked: readonly Asked[],
  { egress, secrets }: Allowed,
): readonly (Asked & { readonly why: string })[] {
  const rules = egress.reduce((more, text) => withRule(more, text) ?? more, NO_RULES);
  return asked.flatMap((one) => [
    ...whyNotCalled(rules, one.url).map((why) => ({ ...one, why })),
    ...secretsOf(one).filter((secret) => !secrets.includes(secret))
      .map((secret) => ({ ...one, why: `TASKER_SECRETS does not name "${secret}"` })),
  ]);
}

/** The secrets that a request sends. */
export function secretsOf({ headers }: Pick<Asked, "headers">): readonly string[] {
  return Object.values(headers).flatMap((header) =>
    typeof header === "string" ? [] : header.secret
  );
}

function whyNotCalled(rules: EgressRules, url: string | undefined): readonly string[] {
  try {
    if (url !== undefined) targetOf(rules, url);
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

function askedIn(registry: Pick<Registry, "list" | "httpSystems">): readonly Asked[] {
  const steps = registry.list().flatMap(({ plan, isLoaded }) => isLoaded ? askedBy(plan) : []);
  const systems = registry.httpSystems.map(({ name, url, headers }) => ({
    what: `Each step of system "${name}"`,
    path: `systems.${name}`,
    url,
    headers,
  }));
  return [...steps, ...systems];
}

/** The requests of a workflow's steps. */
export function askedBy({ workflow, steps }: Plan): readonly Asked[] {
  return steps.flatMap(({ name, definition: { http } }, index) => {
    if (http === undefined) return [];
    const { origin, secrets = {} } = http;
    const what = `Step "${name}" of ${workflow}`;
    return [{ what, path: `workflow_steps[${index}].http`, url: origin, headers: secrets }];
  });
}
