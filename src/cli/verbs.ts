/** All verbs, in the order of the help. */

import { doctor } from "./doctor.ts";
import { dead, deadDiscard, deadReplay, systems, workflows } from "./operations.ts";
import { cancel, pause, resolve, resume, retry, signal, skip } from "./operator_actions.ts";
import { replay } from "./replay.ts";
import { list, showTask, start } from "./tasks.ts";
import type { Verb } from "./verb.ts";
import { watch } from "./watch.ts";

/** All verbs. */
export const VERBS: readonly Verb[] = [
  start,
  showTask,
  list,
  watch,
  cancel,
  pause,
  resume,
  retry,
  skip,
  resolve,
  signal,
  workflows,
  systems,
  dead,
  deadReplay,
  deadDiscard,
  replay,
  doctor,
];
