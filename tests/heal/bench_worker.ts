/** A worker of the bench: runs one arm after the other. */

import { type ArmOf, type ArmResult, runArm } from "./arm.ts";

/** What a worker answers. */
export type WorkerAnswer =
  | { readonly kind: "ran"; readonly result: ArmResult }
  | { readonly kind: "broke"; readonly of: ArmOf; readonly error: string };

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ArmOf>) => void) | null;
  postMessage(answer: WorkerAnswer): void;
};

scope.onmessage = async ({ data: of }) => {
  try {
    scope.postMessage({ kind: "ran", result: await runArm(of) });
  } catch (error) {
    scope.postMessage({ kind: "broke", of, error: String(error) });
  }
};
