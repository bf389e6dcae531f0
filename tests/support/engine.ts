/** An engine of one node in this process, over a real Postgres. */

import { LIBRARY_PATH } from "../../ffi/build.ts";
import { openReadiness } from "../../ffi/readiness.ts";
import type { Answer } from "../../src/core/command.ts";
import type { Incarnation, TaskId } from "../../src/core/ids.ts";
import type { Bus, Database, Runtime } from "../../src/core/ports.ts";
import type { Readiness } from "../../src/core/readiness.ts";
import type { WorkflowModule } from "../../src/core/workflow_module.ts";
import type { RemoteAttempts } from "../../src/dispatch/runner.ts";
import { Engine } from "../../src/server/engine.ts";
import { openEgress } from "../../src/egress/wire.ts";
import { type OpenJournal, openJournal } from "../../src/journal/open.ts";
import { openStarter } from "../../src/registry/workflows.ts";
import { openRegistry } from "../../src/registry/load.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { openSystems } from "../../src/server/systems.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";

/** A running engine, and what is read of it. */
export interface RealEngine extends AsyncDisposable {
  readonly engine: Engine;
  readonly journal: OpenJournal;
  /** Starts a task; resolves when its start is committed. */
  start(workflow: string, input: unknown): Promise<Answer>;
  /** Starts a task; resolves with its id when its end is committed. */
  run(workflow: string, input: unknown, tags?: readonly string[]): Promise<TaskId>;
  /** Names of a workflow's steps, in the order of their numbers. */
  stepNames(workflow: string): string[];
}

/** What an engine of its own needs beside a database. */
export interface RealEngineOptions {
  readonly modules: readonly WorkflowModule[];
  /** Workflows of Tasker itself. */
  readonly own?: readonly WorkflowModule[];
  /** The platform's unless given. */
  readonly runtime?: Runtime;
  /** The Rust core unless given. */
  readonly readiness?: Readiness;
  /** Opens the bus that carries remote steps; without, nothing carries them. */
  readonly bus?: (database: Database, runtime: Runtime) => Promise<Bus>;
}

const NO_REMOTE: RemoteAttempts = { start() {}, stop() {}, unconfirmed: () => 0 };

/** What systems are opened with where nothing is configured. */
const PLAIN = {
  egress: openEgress(undefined),
  config: { busPrefix: "tasker.workflows", replyKeys: [] },
  log: SILENT_LOG,
  metrics: new Metrics(),
};

/** Calls what is put under a task's id when its end is committed. */
function endsOf({ supervisor }: Engine): Map<string, () => void> {
  const ends = new Map<string, () => void>();
  supervisor.subscribe(({ taskId, turn }) => {
    if (turn.events.at(-1)?.kind !== "TaskEnded") return;
    ends.get(taskId)?.();
    ends.delete(taskId);
  });
  return ends;
}

/** Opens an engine with workflows. */
export async function openRealEngine(
  url: string,
  { modules, own, runtime = openRuntime(), readiness, bus: openBus }: RealEngineOptions,
): Promise<RealEngine> {
  const incarnation = runtime.uuid() as Incarnation;
  const journal = await openJournal({ url, runtime, incarnation, onWarning: console.warn });
  const registry = await openRegistry({
    modules,
    ...(own !== undefined && { own }),
    definitions: journal.definitions,
    digest: (text) => runtime.digest(text),
    onWarning: () => {},
  });
  const bus = await openBus?.(journal.database, runtime);
  const systems = bus && await openSystems({ ...PLAIN, runtime, journal, bus, registry });
  const engine = new Engine({
    runtime,
    log: SILENT_LOG,
    journal: journal.journal,
    nodes: journal.nodes,
    policies: journal.policies,
    sharedStates: journal.sharedStates,
    readiness: readiness ?? openReadiness({ libraryPath: LIBRARY_PATH }).readiness,
    plans: registry,
    codeOf: (hash) => registry.codeOf(hash),
    isLocalOwner: (owner) => registry.isLocalOwner(owner),
    remote: (record, outages) => systems?.remote(record, outages) ?? NO_REMOTE,
    incarnation,
    name: "in-process",
    replaces: undefined,
    fenced: () => console.error("the node was fenced"),
  });
  await engine.start();
  const starter = openStarter(registry, engine.router);
  systems?.listen(engine.router, starter, engine.openAttempts);
  const ends = endsOf(engine);
  const start = (workflow: string, input: unknown, tags: readonly string[] = []) =>
    starter.start({ workflow, input, tags, commandId: runtime.uuid() });
  return {
    engine,
    journal,
    start,
    async run(workflow, input, tags) {
      const { taskId } = await start(workflow, input, tags);
      await new Promise<void>((resolve) => ends.set(taskId, resolve));
      return taskId;
    },
    stepNames: (workflow) => registry.find(workflow)?.steps.map(({ name }) => name) ?? [],
    async [Symbol.asyncDispose]() {
      await systems?.stop();
      await engine.drain(1_000);
      await bus?.close();
      await journal.close();
    },
  };
}
