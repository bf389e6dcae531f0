/** Says at the start which requests of the loaded workflows the configuration does not allow. */

import { messageOf } from "../core/errors.ts";
import type { HttpSystem } from "../core/http_call.ts";
import type { Plan } from "../core/plan.ts";
import type { Config } from "./config.ts";
import { NO_RULES, targetOf, withRule } from "../egress/rules.ts";
import type { Registry } from "../registry/workflows.ts";
import type { Log } from "../telemetry/log.ts";

/** A request that a workflow makes: where to, and with which secrets. */
interface Asked {
  readonly what: string;
  readonly url: string | undefined;
  readonly headers: HttpSystem["headers"];
}

/**
 * Warns of each host that TASKER_EGRESS does not name, and of each secret that TASKER_SECRETS does
 * not: steps that need them fail, and it is better to know that before they run.
 */
export function warnOfRefused(
  { registry, config, log }: {
    readonly registry: Pick<Registry, "list" | "httpSystems">;
    readonly config: Pick<Config, "egress" | "secrets">;
    readonly log: Pick<Log, "warn">;
  },
): void {
  const rules = config.egress.reduce((more, text) => withRule(more, text) ?? more, NO_RULES);
  for (const { what, url, headers } of askedIn(registry)) {
    try {
      if (url !== undefined) targetOf(rules, url);
    } catch (error) {
      log.warn(`${what} fails: ${messageOf(error)}`);
    }
    for (const header of Object.values(headers)) {
      if (typeof header === "string" || config.secrets.includes(header.secret)) continue;
      log.warn(`${what} fails: TASKER_SECRETS does not name "${header.secret}"`);
    }
  }
}

function askedIn(registry: Pick<Registry, "list" | "httpSystems">): readonly Asked[] {
  const steps = registry.list().flatMap(({ plan, isLoaded }) =>
    isLoaded ? plan.steps.flatMap((step) => stepOf(plan.workflow, step)) : []
  );
  const systems = registry.httpSystems.map(({ name, url, headers }) => ({
    what: `Each step of system "${name}"`,
    url,
    headers,
  }));
  return [...steps, ...systems];
}

function stepOf(
  workflow: string,
  { name, definition: { http } }: Plan["steps"][number],
): readonly Asked[] {
  if (http === undefined) return [];
  const { origin, secrets = {} } = http;
  return [{ what: `Step "${name}" of ${workflow}`, url: origin, headers: secrets }];
}
