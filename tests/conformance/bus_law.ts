/** What a law of a bus is given, and where it holds. */

import type { Bus } from "../../src/core/ports.ts";

/** Where a law is tried. */
export interface BusHarness {
  readonly bus: Bus;
  /** Another node. */
  readonly other: Bus;
  /** Whether a depth counts what was delivered and has not settled. */
  readonly countsHeld: boolean;
  /** Of this law alone. */
  readonly channel: string;
  /** Takes one envelope as a consumer that dies with it; its lease is LEASE_MS. */
  abandon(): Promise<Abandoned>;
}

/** An envelope in the hands of the dead. */
export interface Abandoned {
  /** Acknowledges it, as a consumer does that was only frozen. */
  acknowledge(): Promise<void>;
}

/** Laws by their text, which goes on after the name of the bus. */
export type Laws = Readonly<Record<string, (harness: BusHarness) => Promise<void>>>;

/** Long enough for a busy machine to extend it in time; short enough to wait for. */
export const LEASE_MS = 1_500;

/** How laws consume, unless they say otherwise. */
export const OPTIONS = { group: "tasker", inFlightMax: 16, leaseMs: 60_000 };
