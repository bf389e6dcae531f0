/** Health: how each part of a node is, and what to do when it is not well. */

import type { Health, HealthCheck, NamedCheck } from "./api/parts.ts";
import type { Bus } from "./core/ports.ts";
import type { Readiness } from "./core/readiness.ts";
import type { Engine } from "./engine.ts";
import type { OpenJournal } from "./journal/open.ts";
import { VERSION } from "./version.ts";

/** What is looked at. */
export interface HealthParts {
  readonly name: string;
  readonly journal: OpenJournal;
  readonly bus: Bus;
  readonly readiness: Readiness;
  readonly engine: Engine;
  readonly config: { readonly libraryReason: string | undefined };
}

/** Makes the health of a node. */
export function healthOf(parts: HealthParts): Health {
  const { name, journal, bus, engine } = parts;
  return {
    node: name,
    version: VERSION,
    notReady: () =>
      Promise.resolve(engine.mailroom.isDraining ? "the node is draining" : undefined),
    checks: [
      check("database", "Check DATABASE_URL and the database's log", async () => {
        await journal.history.ping();
        return `answers; ${journal.journal.figures().commits} commits since start`;
      }),
      check("bus", "Check the broker; steps wait in the journal until it is back", async () => {
        await bus.ping();
        return bus.name;
      }),
      coreCheck(parts),
      check(
        "slots",
        "Wait a few seconds; if it stays so, look for nodes that do not renew",
        () =>
          Promise.resolve(
            `${engine.ownership.owned} of 4096; ${engine.ownership.live.length} nodes live`,
          ),
      ),
      quarantineCheck(engine),
    ],
  };
}

function check(name: string, action: string, look: () => Promise<string>): NamedCheck {
  return { name, action, look: async () => ({ name, ok: true, detail: await look() }) };
}

/** The TypeScript core serves as well, but slower: said, and no fault. */
function coreCheck({ readiness, config }: HealthParts): NamedCheck {
  const detail = readiness.kind === "rust"
    ? "rust"
    : `typescript: ${config.libraryReason ?? "the library could not be opened"}`;
  return check(
    "core",
    "Install cargo and start again to get the Rust core",
    () => Promise.resolve(detail),
  );
}

function quarantineCheck(engine: Engine): NamedCheck {
  const action = "Look at the log for why they crashed, mend it, and restart the node";
  return {
    name: "quarantine",
    action,
    look: (): Promise<HealthCheck> => {
      const { size } = engine.supervisor.quarantined;
      const ok = size === 0;
      return Promise.resolve({
        name: "quarantine",
        ok,
        detail: `${size} tasks set aside`,
        ...(ok ? {} : { action }),
      });
    },
  };
}
