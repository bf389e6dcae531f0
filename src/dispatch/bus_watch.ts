/** Bus watch: asks the bus from time to time whether it is there, so that each outage is known. */

import { BUS, type Outages, PROOF_MS } from "../core/outages.ts";
import type { Bus, Cancel, Runtime } from "../core/ports.ts";

/** What watching needs. */
export interface BusWatchDeps {
  readonly runtime: Runtime;
  readonly bus: Pick<Bus, "ping">;
}

/** Asks until the result is called. A ping that fails is no proof, and the next one may be. */
export function watchBus({ runtime, bus }: BusWatchDeps, outages: Outages): Cancel {
  let isOver = false;
  let cancel: Cancel = () => {};
  const look = async (): Promise<void> => {
    outages.asked(BUS, runtime.now());
    const isThere = await bus.ping().then(() => true, () => false);
    if (isThere) outages.answered(BUS, runtime.now());
    if (!isOver) cancel = runtime.after(PROOF_MS, () => void look());
  };
  void look();
  return () => {
    isOver = true;
    cancel();
  };
}
