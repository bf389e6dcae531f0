/** An engine of one node in this process, over a real Postgres, for benches. */

import { LIBRARY_PATH } from "../../ffi/build.ts";
import { openReadiness } from "../../ffi/readiness.ts";
import type { Answer } from "../../src/core/command.ts";
import type { Incarnation } from "../../src/core/ids.ts";
import type { WorkflowModule } from "../../src/core/recording.ts";
import type { RemoteSteps } from "../../src/dispatch/runner.ts";
import { Engine } from "../../src/engine.ts";
import { type OpenJournal, openJournal } from "../../src/journal/open.ts";
import { openStarter } from "../../src/registry/starter.ts";
import { openRegistry, type Registry } from "../../src/registry/workflows.ts";
import { openRuntime } from "../../src/runtime.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";

/** A running engine, and what benches read of it. */
export interface BenchEngine extends AsyncDisposable {
  readonly engine: Engine;
  readonly journal: OpenJournal;
  /** Starts a task; resolves when its start is committed. */
  start(workflow: string, input: unknown): Promise<Answer>;
  /** Starts a task; resolves when its end is committed. */
  run(workflow: string, input: unknown): Promise<void>;
}

const NO_REMOTE: RemoteSteps = { start() {}, stop() {}, unconfirmed: () => 0 };

/** Opens an engine with workflows. `remote` plays or carries remote steps. */
export async function openBenchEngine(
  url: string,
  modules: readonly WorkflowModule[],
  remote: (engine: {
    record: Engine["mailroom"]["record"];
    registry: Registry;
    journal: OpenJournal;
  }) => RemoteSteps = () => NO_REMOTE,
): Promise<BenchEngine> {
  const runtime = openRuntime();
  const incarnation = runtime.uuid() as Incarnation;
  const journal = await openJournal({ url, runtime, incarnation, onWarning: console.warn });
  const registry = await openRegistry({
    modules,
    definitions: journal.definitions,
    digest: (text) => runtime.digest(text),
    onWarning: () => {},
  });
  const engine = new Engine({
    runtime,
    log: SILENT_LOG,
    journal: journal.journal,
    nodes: journal.nodes,
    policies: journal.policies,
    readiness: openReadiness({ libraryPath: LIBRARY_PATH }).readiness,
    plans: registry,
    codeOf: (hash) => registry.codeOf(hash),
    isLocalOwner: (owner) => registry.isLocalOwner(owner),
    remote: (record) => remote({ record, registry, journal }),
    incarnation,
    name: "bench",
    replaces: undefined,
    fenced: () => console.error("the bench's node was fenced"),
  });
  await engine.start();
  const starter = openStarter(registry, engine.mailroom);
  const ends = new Map<string, () => void>();
  engine.supervisor.subscribe(({ taskId, turn }) => {
    if (turn.events.at(-1)?.kind !== "TaskEnded") return;
    ends.get(taskId)?.();
    ends.delete(taskId);
  });
  const start = (workflow: string, input: unknown) =>
    starter.start({ workflow, input, tags: [], commandId: runtime.uuid() });
  return {
    engine,
    journal,
    start,
    async run(workflow, input) {
      const { taskId } = await start(workflow, input);
      await new Promise<void>((resolve) => ends.set(taskId, resolve));
    },
    async [Symbol.asyncDispose]() {
      await engine.drain(1_000);
      await journal.close();
    },
  };
}
