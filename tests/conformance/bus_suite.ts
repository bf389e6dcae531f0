/** The conformance suite of a bus: the same laws for every backend. */

import type { Bus } from "../../src/core/ports.ts";
import { CARRYING, SHARING } from "./bus_carrying_laws.ts";
import { type Abandoned, type Laws, LEASE_MS } from "./bus_law.ts";
import { ENDING, LEASING, SETTLING } from "./bus_settling_laws.ts";

/** A backend under test. */
export interface BusBackend {
  readonly name: string;
  /** Why it cannot be tested here. */
  readonly reason?: string;
  /** Opens a bus; each is another node on the same broker, unless the backend has one process. */
  open(): Promise<Bus>;
  /** False where the broker does not say how much was delivered and has not settled. */
  readonly countsHeld?: boolean;
  /** Takes one envelope as a consumer that dies with it. Absent: nobody can die alone. */
  abandon?(channel: string, leaseMs: number): Promise<Abandoned>;
  /** Laws that this backend cannot keep, by their text, and why. */
  readonly cannot?: Readonly<Record<string, string>>;
}

/** Declares a test for each law. */
export function busSuite(backend: BusBackend): void {
  const laws: Laws = {
    ...CARRYING,
    ...SHARING,
    ...SETTLING,
    ...ENDING,
    ...(backend.abandon !== undefined && LEASING),
  };
  const { name, cannot = {} } = backend;
  for (const [text, why] of Object.entries(cannot)) {
    if (!(text in laws)) throw new Error(`There is no law "${text}" that ${name} could break`);
    console.log(`ignored: ${name} bus ${text}, because ${why}`);
  }
  for (const [number, [text, act]] of Object.entries(laws).entries()) {
    Deno.test({
      name: `${name} bus ${text}`,
      ignore: backend.reason !== undefined || text in cannot,
      // A closed bus leaves no socket and no timer.
      sanitizeOps: true,
      sanitizeResources: true,
      fn: () => onStage(backend, `suite.${backend.name}.${number}`, act),
    });
  }
}

async function onStage(backend: BusBackend, channel: string, act: Laws[string]): Promise<void> {
  const bus = await backend.open();
  const other = await backend.open();
  const abandon = () => {
    if (backend.abandon === undefined) throw new Error("nobody can die alone here");
    return backend.abandon(channel, LEASE_MS);
  };
  try {
    await act({ bus, other, channel, abandon, countsHeld: backend.countsHeld ?? true });
  } finally {
    await bus.close();
    await other.close();
  }
}
