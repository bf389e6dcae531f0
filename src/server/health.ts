/** Health: how each part of a node is, and what to do when it is not well. */

import type { Health, NamedCheck } from "../api/deps.ts";
import { SLOTS } from "../core/ids.ts";
import type { Bus, BusServer, History, Journal } from "../core/ports.ts";
import type { Readiness } from "../core/readiness.ts";
import type { HealthCheck } from "../operations/node.ts";
import type { Model } from "../model/model.ts";
import type { Config } from "./config.ts";
import type { Engine } from "./engine.ts";
import type { Log } from "../telemetry/log.ts";
import { VERSION } from "./version.ts";

/** A node polls once a second; after this long without an answer it is not ready. */
const SILENT_MS_MAX = 5_000;

/** What is looked at. */
export interface HealthDeps {
  readonly name: string;
  readonly journal: {
    readonly history: Pick<History, "ping">;
    readonly journal: Pick<Journal, "figures">;
  };
  readonly bus: Pick<Bus, "ping">;
  readonly readiness: Pick<Readiness, "kind">;
  readonly engine: Engine;
  readonly config: Pick<Config, "libraryReason" | "model">;
  /** Undefined = there is no model. */
  readonly model: Pick<Model, "last"> | undefined;
}

/** Makes the health of a node. */
export function healthOf(deps: HealthDeps): Health {
  const { name, journal, bus, engine } = deps;
  return {
    node: name,
    version: VERSION,
    commit: () => journal.journal.figures().commit,
    notReady: () => Promise.resolve(whyNotReady(engine)),
    checks: [
      check("database", "Check DATABASE_URL and the database's log", async () => {
        await journal.history.ping();
        return `answers; ${journal.journal.figures().commits} commits since start`;
      }),
      check("bus", "Check the broker; steps wait in the journal until it is back", async () => {
        return busLine(await bus.ping());
      }),
      coreCheck(deps),
      slotsCheck(engine),
      busesCheck(engine),
      quarantineCheck(engine),
      modelCheck(deps),
    ],
  };
}

function check(name: string, action: string, look: () => Promise<string>): NamedCheck {
  return { name, action, look: async () => ({ name, ok: true, detail: await look() }) };
}

/** Says what the bus runs on, and what the engine does in its place. */
function busLine({ server, delays, counts }: BusServer): string {
  const done = [
    ...(delays ? [] : ["lets retries wait"]),
    ...(counts ? [] : ["counts deliveries"]),
  ];
  return done.length === 0 ? server : `${server}; the node ${done.join(" and ")}`;
}

function whyNotReady({ router, ownership }: Engine): string | undefined {
  if (router.isDraining) return "the node is draining";
  if (ownership.silentMs > SILENT_MS_MAX) {
    return "the database answers no poll, so no sleeping task wakes; the node keeps asking";
  }
  return ownership.hasNone ? "the node has no slot yet, so it runs no task" : undefined;
}

/** A node without a slot runs no task, however well everything else is. */
function slotsCheck({ router, ownership }: Engine): NamedCheck {
  const action = "Wait a few seconds; if it stays so, look in the log for why slots cannot be " +
    "claimed, and for nodes that do not renew";
  return {
    name: "slots",
    action,
    look: (): Promise<HealthCheck> => {
      const ok = router.isDraining || !ownership.hasNone;
      const live = ownership.live.length;
      const nodes = live === 1 ? "1 node" : `${live} nodes`;
      const detail = `${ownership.owned} of ${SLOTS}; ${nodes} live`;
      return Promise.resolve({ name: "slots", ok, detail, ...(ok ? {} : { action }) });
    },
  };
}

/** A task goes where its slot is: on another bus, it waits for workers that are on this one. */
function busesCheck(engine: Engine): NamedCheck {
  const action =
    "Give all nodes on this database one TASKER_BUS, BUS_URL and TASKER_BUS_PREFIX, and " +
    "start again those that differ";
  return {
    name: "one bus",
    action,
    look: (): Promise<HealthCheck> => {
      const others = otherBusesText(engine);
      const ok = others === undefined;
      const detail = others ?? "all nodes are on it";
      return Promise.resolve({ name: "one bus", ok, detail, ...(ok ? {} : { action }) });
    },
  };
}

/** Names the nodes that are on another bus; undefined while there are none. */
function otherBusesText({ onOtherBuses, deps }: Engine): string | undefined {
  if (onOtherBuses.length === 0) return undefined;
  const others = onOtherBuses.map(({ name, bus }) => `${name} on ${bus}`).join(", ");
  return `this node is on ${deps.bus}, and ${others}: no worker serves both, so tasks wait in vain`;
}

/** Logs at a start that live nodes are on another bus. */
export function warnOfOtherBuses(engine: Engine, log: Pick<Log, "error">): void {
  const otherBuses = otherBusesText(engine);
  if (otherBuses === undefined) return;
  log.error("Nodes on one database differ in their bus", { otherBuses });
}

/** The TypeScript core serves as well, but slower: said, and no fault. */
function coreCheck({ readiness, config }: HealthDeps): NamedCheck {
  const detail = readiness.kind === "rust"
    ? "rust"
    : `typescript: ${config.libraryReason ?? "the library could not be opened"}`;
  return check(
    "core",
    "Install cargo and start again to get the Rust core",
    () => Promise.resolve(detail),
  );
}

/** A model that fails is no fault of the node: everything goes on without it. */
function modelCheck({ model: asked, config: { model } }: HealthDeps): NamedCheck {
  const look = () => {
    if (model === undefined || asked === undefined) {
      return "none is configured: everything works without";
    }
    const { name, url } = model;
    const { last } = asked;
    const ended = last === undefined
      ? "not asked since the start"
      : `last asked at ${new Date(last.atMs).toISOString()}: ${last.verdict.replaceAll("_", " ")}`;
    return `${name} at ${new URL(url).host}; ${ended}`;
  };
  return check("model", "", () => Promise.resolve(look()));
}

function quarantineCheck(engine: Engine): NamedCheck {
  const action = "Look at the log for why they crashed, fix it, and restart the node";
  return {
    name: "quarantine",
    action,
    look: (): Promise<HealthCheck> => {
      const { size } = engine.supervisor.quarantined;
      const ok = size === 0;
      return Promise.resolve({
        name: "quarantine",
        ok,
        detail: `${size} tasks quarantined`,
        ...(ok ? {} : { action }),
      });
    },
  };
}
