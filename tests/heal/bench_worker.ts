/** A worker of the bench: does one piece after the other. */

import { type ArmOf, type ArmResult, runArm } from "./arm.ts";
import { optimiserBench, type OptimiserScore } from "./optimiser_bench.ts";

/** What a worker does: one run of a scenario, or the planted workflows of the optimiser. */
export type Piece = ArmOf | "optimiser";

/** What a worker answers. */
export type WorkerAnswer =
  | { readonly kind: "ran"; readonly result: ArmResult }
  | { readonly kind: "optimised"; readonly score: OptimiserScore }
  | { readonly kind: "broke"; readonly error: string };

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<Piece>) => void) | null;
  postMessage(answer: WorkerAnswer): void;
};

scope.onmessage = async ({ data: piece }) => {
  try {
    scope.postMessage(
      piece === "optimiser"
        ? { kind: "optimised", score: await optimiserBench() }
        : { kind: "ran", result: await runArm(piece) },
    );
  } catch (error) {
    scope.postMessage({ kind: "broke", error: String(error) });
  }
};
