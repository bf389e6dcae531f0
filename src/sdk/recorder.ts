/** The recorder: writes down what a wiring function says and where, and checks nothing. */

import type { Locate, Position, StepSpec, Wire, WiredStep } from "../core/workflow_module.ts";
import type { Given } from "../core/workflow.ts";
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

/**
 * Remembers the place that called `callee`.
 *
 * Cost: one stack frame; its text is made only when the place is asked for.
 */
export function locateCaller(callee: (...given: never[]) => unknown): Locate {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, callee);
  Error.stackTraceLimit = limit;
  return () => positionIn(holder.stack ?? "");
}

/** Reads the first place of a stack, such as `at wire (file:///app/workflows/hello.ts:7:5)`. */
function positionIn(stack: string): Position | undefined {
  const parts = /(\w+:\/\/[^\s()]+):(\d+):(\d+)\)?$/m.exec(stack);
  if (parts === null) return undefined;
  return { file: parts[1] ?? "", line: Number(parts[2]), column: Number(parts[3]) };
}
