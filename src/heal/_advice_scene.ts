/** A scripted model, and an adviser that asks it; for tests. */

import { type ModelScene, openModelScene, type Script } from "../model/_scripted_model.ts";
import type { Model } from "../model/model.ts";
import { type Adviser, openAdviser } from "./adviser.ts";

/** A scripted model, and who asks it. */
export interface Scene extends ModelScene {
  readonly adviser: Adviser & Pick<Model, "last">;
}

/** Opens a model with a script; when `isFast`, its limit of 20 s is seen within a test. */
export async function openScene(script: Script, how?: { isFast?: boolean }): Promise<Scene> {
  const scene = await openModelScene(script, how);
  const { advise } = openAdviser(scene.asked);
  const adviser = {
    advise,
    get last() {
      return scene.asked.last;
    },
  };
  return { ...scene, adviser };
}
