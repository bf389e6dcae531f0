/** The recorder: records the calls of a wiring function and their places, and checks nothing. */

import type {
  Locate,
  OutputWire,
  Position,
  StepSpec,
  Wire,
  WiredStep,
} from "../core/workflow_module.ts";
import type { Given } from "../core/workflow.ts";
import { templateOf } from "./output.ts";
import type { ManifestWires } from "./wires.ts";

/** The arguments of the typed calls of `Wires`, without their types. */
interface Wiring {
  readonly needs?: Readonly<Record<string, WiredStep>>;
  readonly after?: readonly (WiredStep | undefined)[];
  readonly with?: (given: Given) => unknown;
}
type StepWiring = Wiring & Partial<Pick<Extract<Wire, { kind: "step" }>, "when">>;
type SleepWiring = Wiring & Pick<Extract<Wire, { kind: "sleep" }>, "ms">;
type SignalWiring =
  & Wiring
  & Pick<Extract<Wire, { kind: "signal" }>, "success" | "timeoutMs" | "onTimeout">;

/** Opens a recorder that adds to `wires`. Handles carry `of`. */
export function recorder<T>(of: symbol, wires: Wire[]): ManifestWires<T> {
  function step(name: string, definition: StepSpec, wiring: StepWiring = {}): WiredStep {
    const when = wiring.when ?? "succeeded";
    const { with: map } = wiring;
    wires.push({
      kind: "step",
      name,
      at: locateCaller(step),
      ...edges(wiring),
      definition,
      when,
      ...(map === undefined ? {} : { with: map }),
    });
    return { name, of };
  }

  function sleep(name: string, wiring: SleepWiring): WiredStep {
    wires.push({ kind: "sleep", name, at: locateCaller(sleep), ...edges(wiring), ms: wiring.ms });
    return { name, of };
  }

  function signal(name: string, { after, ...wiring }: SignalWiring): WiredStep {
    wires.push({
      ...wiring,
      kind: "signal",
      name,
      at: locateCaller(signal),
      ...edges({ ...(after && { after }) }),
    });
    return { name, of };
  }

  function give({ name }: WiredStep, wiring: Wiring & Required<Pick<Wiring, "with">>): void {
    wires.push({
      kind: "give",
      name,
      at: locateCaller(give),
      ...edges(wiring),
      with: wiring.with,
    });
  }

  function output({ success, ...wiring }: Wiring & Pick<OutputWire, "success">): void {
    const { needs = {}, with: map = () => null } = wiring;
    const template = templateOf(map as Parameters<typeof templateOf>[0], Object.keys(needs));
    const at = locateCaller(output);
    wires.push({ kind: "output", name: "output", at, ...edges({ needs }), success, template });
  }

  // The types of `Wires` exist for the compiler only; at run time a handle is a name.
  return { step, sleep, signal, give, output } as unknown as ManifestWires<T>;
}

function edges({ needs = {}, after = [] }: Wiring): Pick<Wire, "needs" | "after"> {
  return { needs, after };
}

/**
 * Records the place that called `callee`.
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
