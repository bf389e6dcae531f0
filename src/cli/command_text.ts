/** Command texts: what a person types next, ready to be copied. */

import type { Choice } from "../core/event.ts";

/** How every command of ours begins. */
export const TASKER = "deno task tasker";

/** The commands behind the choices of a parked step. */
export function choiceCommands(id: string, step: string, choices: readonly Choice[]): string[] {
  const commands: Readonly<Record<Choice, string>> = {
    retry: `${TASKER} retry ${id} ${step}`,
    resolve: `${TASKER} resolve ${id} ${step} --result JSON`,
    skip: `${TASKER} skip ${id} ${step}`,
    cancel: `${TASKER} cancel ${id}`,
  };
  return choices.map((choice) => commands[choice] ?? choice);
}
