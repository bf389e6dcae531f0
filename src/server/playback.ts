/** Playback: stored tasks run again in a simulation, in a world that does what it did. */

import { TaskerError } from "../core/errors.ts";
import type { OutsideCommand } from "../core/command.ts";
import type { Turn } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { Cancel, Plans, Playback, PlaybackRequest, PlayedTask } from "../core/ports.ts";
import { MemoryPolicies } from "../journal/memory_stores.ts";
import { openSimulation, playedDirectory, type Simulation, type StepPlayer } from "./simulation.ts";
import { VirtualRuntime } from "./virtual_runtime.ts";

/** Timers that fire for one task at most: one that needs more never comes to rest. */
const TIMERS_PER_TASK_MAX = 10_000;

/** Opens the playback of a server. */
export function openPlayback(): Playback {
  const runtime = new VirtualRuntime(1, { isClosed: true });
  return { play, rest: () => new Promise((resolve) => runtime.soon(resolve)) };
}

async function play(request: PlaybackRequest): Promise<ReadonlyMap<TaskId, readonly Turn[]>> {
  const { plan, steps, tasks, signal } = request;
  const { namespace, name } = plan.definition;
  const policies = new MemoryPolicies();
  await policies.put(namespace, name, { by: "playback", reason: "", atMs: 0, steps });
  const runtime = new VirtualRuntime(1, { isClosed: true });
  await using simulation = await openSimulation({
    runtime,
    plans: plansOf(plan),
    player: playerOf(request, runtime),
    directory: playedDirectory([plan]),
    policies,
  });
  react(request, simulation);
  for (const task of tasks) {
    runtime.after(task.startMs, () => send(simulation, startOf(plan, task)));
  }
  for (let timers = TIMERS_PER_TASK_MAX * tasks.length; timers > 0; timers--) {
    if (signal?.aborted === true) {
      throw new TaskerError(
        "api.busy",
        "Cannot go on with the playback: who asked for it has gone",
      );
    }
    if (!await runtime.step()) break;
  }
  return new Map(tasks.map(({ taskId }) => [taskId, simulation.journal.turns(taskId)]));
}

function plansOf(plan: Plan): Plans {
  const cached = (hash: string) => hash === plan.hash ? plan : undefined;
  return { cached, byHash: (hash) => Promise.resolve(cached(hash)) };
}

function playerOf({ world }: PlaybackRequest, runtime: VirtualRuntime): StepPlayer {
  const stoppable = new Map<string, Cancel>();
  return {
    start({ taskId, step, attempt, dueAtMs = Infinity }, answer) {
      const played = world.answer(taskId, step, attempt);
      if (played === undefined) return;
      // Its time-out ends it, although that fires a little later.
      const isGivenUp = played.isStoppable && runtime.now() + played.afterMs >= dueAtMs;
      if (isGivenUp) return;
      const cancel = runtime.after(played.afterMs, () => answer(played.outcome));
      if (played.isStoppable) stoppable.set(`${taskId}/${step}`, cancel);
    },
    stop: (taskId, step) => stoppable.get(`${taskId}/${step}`)?.(),
    sleepMs: (taskId, step) => world.sleepMs(taskId, step),
  };
}

/** Has people and programs act on what happens. */
function react({ world }: PlaybackRequest, { engine, runtime, ...rest }: Simulation): void {
  engine.supervisor.subscribe(({ taskId, turn }) => {
    for (const { afterMs, command } of turn.events.flatMap((one) => world.reactTo(taskId, one))) {
      runtime.after(afterMs, () => send({ engine, runtime, ...rest }, command));
    }
  });
}

/** What comes too late under the changed policy is refused, as it would be. */
function send({ engine }: Simulation, command: OutsideCommand): void {
  engine.router.send(command).catch(() => {});
}

function startOf(plan: Plan, { taskId, input, tags, deadlineMs }: PlayedTask): OutsideCommand {
  return {
    kind: "StartTask",
    taskId,
    commandId: `playback:${taskId}`,
    namespace: plan.definition.namespace,
    workflow: plan.workflow,
    version: plan.definition.version,
    definitionHash: plan.hash,
    input,
    tags,
    ...(deadlineMs !== undefined && { deadlineMs }),
  };
}
