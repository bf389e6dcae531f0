/** What a step of another system costs, over a bus and a process of its own. */

import { openBus } from "../../src/bus/open.ts";
import type { BusKind } from "../../src/core/broker.ts";
import { commandChannel } from "../../src/core/channels.ts";
import { type Envelope, parseEnvelope } from "../../src/core/envelope.ts";
import type { TaskId } from "../../src/core/ids.ts";
import type { Bus, Database, Runtime } from "../../src/core/ports.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { openRealEngine, type RealEngine } from "../support/engine.ts";
import { type Figure, percentile } from "./figure.ts";
import { chain, INPUT, remoteChain, remoteFan } from "./workflows/bench.ts";

const PREFIX = "tasker.workflows";
const WARM_UP = 50;
const SAMPLES = 300;

/** Tasks at once, their remote steps one after another, and how long they are counted. */
const CONCURRENT = 256;
const STEPS_PER_TASK = 5;
const THROUGHPUT_MS = 5_000;

/** Remote steps that become ready at once. */
const FAN = 20_000;

/** How to reach the bus; the one in Postgres needs no URL. */
export interface RemoteBench {
  readonly databaseUrl: string;
  readonly kind: BusKind;
  readonly url?: string;
}

/**
 * Measures one remote step after another, less what a local one takes, beside a round trip of the
 * bus alone; then many tasks at once.
 */
export async function benchRemote(remote: RemoteBench): Promise<Figure[]> {
  const bench = `remote_${remote.kind}`;
  await using opened = await open(remote);
  const { engine, bus } = opened;
  const [raw = [], locals = [], steps = []] = await sample([
    await roundTripOf(bus),
    () => engine.run("bench/chain_1", INPUT),
    () => engine.run("bench/remote_chain_1", INPUT),
  ]);
  const local = percentile(locals, 0.5);
  const p50 = percentile(steps, 0.5) - local;
  const ms = (metric: string, value: number) => ({ bench, metric, value, unit: "ms" });
  return [
    ms("raw_p50_ms", percentile(raw, 0.5)),
    ms("raw_p99_ms", percentile(raw, 0.99)),
    ms("p50_ms", p50),
    ms("p99_ms", percentile(steps, 0.99) - local),
    ms("overhead_p50_ms", p50 - percentile(raw, 0.5)),
    { bench, metric: "steps_per_s", value: await stepsPerSecond(engine), unit: "steps/s" },
  ];
}

/** Measures one task of which thousands of remote steps become ready at once. */
export async function benchRemoteFan(remote: RemoteBench): Promise<Figure[]> {
  const bench = `remote_fan_${remote.kind}`;
  await using opened = await open(remote);
  const { engine } = opened;
  const since = performance.now();
  const taskId = await engine.run(`bench/remote_fan_${FAN}`, INPUT);
  const seconds = (performance.now() - since) / 1_000;
  const counts = await countEvents(engine, taskId);
  return [
    { bench, metric: "lost", value: FAN + 2 - (counts.get("StepCompleted") ?? 0), unit: "steps" },
    { bench, metric: "failed", value: counts.get("StepAttemptFailed") ?? 0, unit: "attempts" },
    { bench, metric: "steps_per_s", value: (FAN + 2) / seconds, unit: "steps/s" },
  ];
}

async function countEvents({ journal }: RealEngine, taskId: TaskId): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let turn = 0, isLast = false; !isLast;) {
    const page = await journal.history.turns(taskId, turn, 1_000);
    for (const { kind } of page.turns.flatMap(({ events }) => events)) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    turn = page.turns.at(-1)?.turn ?? turn;
    isLast = page.isLast;
  }
  return counts;
}

interface Opened extends AsyncDisposable {
  readonly engine: RealEngine;
  readonly bus: Bus;
}

async function open({ databaseUrl, kind, url }: RemoteBench): Promise<Opened> {
  let bus: Bus | undefined;
  const openIts = async (database: Database, runtime: Runtime) =>
    bus = await openBus({ kind, url, prefix: PREFIX, database, runtime, log: SILENT_LOG });
  const modules = [chain(1), remoteChain(1), remoteChain(STEPS_PER_TASK), remoteFan(FAN)];
  const engine = await openRealEngine(databaseUrl, { modules, bus: openIts });
  const worker = await startWorker([databaseUrl, kind, ...(url === undefined ? [] : [url])]);
  if (bus === undefined) throw new Error("the engine opened no bus");
  return {
    engine,
    bus,
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
    },
  };
}

/** What a step would take if the engine took nothing: there and back over the same two clients. */
async function roundTripOf(bus: Bus): Promise<() => Promise<void>> {
  const channel = `${PREFIX}.reply.bench`;
  let answered = () => {};
  await bus.consume(channel, { group: "bench", inFlightMax: 1, leaseMs: 60_000 }, ({ body }) => {
    parseEnvelope(body);
    answered();
    return Promise.resolve({ kind: "ack" });
  });
  let count = 0;
  return async () => {
    const command: Envelope = {
      specversion: "1.0",
      id: `bench-${++count}`,
      source: "/bench",
      type: "echo.say",
      taskerreplyto: channel,
      data: INPUT,
    };
    const arrived = new Promise<void>((resolve) => answered = resolve);
    await bus.publish(commandChannel(PREFIX, "echo"), [command]);
    await arrived;
  };
}

async function stepsPerSecond(engine: RealEngine): Promise<number> {
  const since = performance.now();
  let steps = 0;
  await Promise.all(Array.from({ length: CONCURRENT }, async () => {
    while (performance.now() - since < THROUGHPUT_MS) {
      await engine.run(`bench/remote_chain_${STEPS_PER_TASK}`, INPUT);
      steps += STEPS_PER_TASK;
    }
  }));
  return steps / ((performance.now() - since) / 1_000);
}

/** Takes samples of all in turn: so they have met the same noise, and can be compared. */
async function sample(runs: readonly (() => Promise<unknown>)[]): Promise<number[][]> {
  const samples: number[][] = runs.map(() => []);
  for (let number = -WARM_UP; number < SAMPLES; number++) {
    for (const [index, run] of runs.entries()) {
      const since = performance.now();
      await run();
      if (number >= 0) samples[index]?.push(performance.now() - since);
    }
  }
  return samples;
}

async function startWorker(args: readonly string[]): Promise<AsyncDisposable> {
  const path = new URL("echo_worker.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", path, ...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await reader.cancel();
      await child.status;
    },
  };
}
