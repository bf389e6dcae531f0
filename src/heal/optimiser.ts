/** The optimiser of a server: reads tasks, plays them, and says what would be better. */

import { TaskerError } from "../core/errors.ts";
import type { LearnFrom, Optimiser, Playback, WhatifQuestion } from "../core/ports.ts";
import type { WhatifReport } from "../core/whatif.ts";
import { readSample, type Sample, type SampleDeps } from "./sample.ts";
import { whatif } from "./whatif.ts";

/** What an optimiser works with. */
export interface OptimiserDeps extends SampleDeps {
  readonly playback: Playback;
}

/** How long who comes while another one is served should wait. */
const BUSY_RETRY_MS = 5_000;

/** Opens the optimiser: it serves one question at a time, because each takes seconds of CPU. */
export function openOptimiser(deps: OptimiserDeps): Optimiser {
  let isBusy = false;
  const alone = async <T>(act: () => Promise<T>): Promise<T> => {
    if (isBusy) {
      throw new TaskerError(
        "api.busy",
        "Cannot play tasks: this server plays some for another question",
        { retryAfterMs: BUSY_RETRY_MS },
      );
    }
    isBusy = true;
    try {
      return await act();
    } finally {
      isBusy = false;
    }
  };
  return { whatif: (question) => alone(() => answerWhatif(deps, question)) };
}

async function answerWhatif(
  deps: OptimiserDeps,
  { change, ...from }: WhatifQuestion,
): Promise<WhatifReport> {
  const sample = await readSample(deps, from);
  if (sample === undefined) return noTasks(from);
  const { plan, steps, tasks } = sample;
  const { signal } = from;
  const request = { plan, steps, tasks, change, ...(signal !== undefined && { signal }) };
  return { ...aboutSample(sample), ...await whatif(deps.playback, request) };
}

/** What a report says of the tasks that were learned from. */
function aboutSample({ plan, policyVersion, tasks, leftOut, isSample }: Sample) {
  const { workflow, definition: { version } } = plan;
  return { workflow, version, policyVersion, tasks: tasks.length, leftOut, isSample };
}

function noTasks({ workflow, version = "" }: LearnFrom): WhatifReport {
  const refusal = "no task of it was started in this time";
  return { workflow, version, policyVersion: 0, tasks: 0, leftOut: 0, isSample: false, refusal };
}
