/** The recorder: writes down what a wiring function says, and checks nothing. */

import type { StepSpec, Wire, WiredStep } from "../core/workflow_module.ts";
import type { Given } from "../core/workflow.ts";
import { locateCaller } from "./locate.ts";
import type { ManifestWires } from "./wires.ts";

/** What the typed calls of `Wires` come down to. */
interface Spoken {
  readonly needs?: Readonly<Record<string, WiredStep>>;
  readonly after?: readonly (WiredStep | undefined)[];
  readonly with?: (given: Given) => unknown;
}
type SpokenStep = Spoken & Partial<Pick<Extract<Wire, { kind: "step" }>, "when">>;
type SpokenSleep = Spoken & Pick<Extract<Wire, { kind: "sleep" }>, "ms">;
type SpokenSignal =
  & Spoken
  & Pick<Extract<Wire, { kind: "signal" }>, "success" | "timeoutMs" | "onTimeout">;

/** Opens a recorder that adds to `wires`. Handles carry `of`. */
export function recorder<T>(of: symbol, wires: Wire[]): ManifestWires<T> {
  function step(name: string, definition: StepSpec, spoken: SpokenStep = {}): WiredStep {
    const when = spoken.when ?? "succeeded";
    const { with: map } = spoken;
    wires.push({
      kind: "step",
      name,
      at: locateCaller(step),
      ...edges(spoken),
      definition,
      when,
      ...(map === undefined ? {} : { with: map }),
    });
    return { name, of };
  }

  function sleep(name: string, spoken: SpokenSleep): WiredStep {
    wires.push({ kind: "sleep", name, at: locateCaller(sleep), ...edges(spoken), ms: spoken.ms });
    return { name, of };
  }

  function signal(name: string, { after, ...spoken }: SpokenSignal): WiredStep {
    wires.push({
      ...spoken,
      kind: "signal",
      name,
      at: locateCaller(signal),
      ...edges({ ...(after && { after }) }),
    });
    return { name, of };
  }

  function give({ name }: WiredStep, spoken: Spoken & Required<Pick<Spoken, "with">>): void {
    wires.push({
      kind: "give",
      name,
      at: locateCaller(give),
      ...edges(spoken),
      with: spoken.with,
    });
  }

  // The types of `Wires` exist for the compiler only; at run time a handle is a name.
  return { step, sleep, signal, give } as unknown as ManifestWires<T>;
}

function edges({ needs = {}, after = [] }: Spoken): Pick<Wire, "needs" | "after"> {
  return { needs, after };
}
