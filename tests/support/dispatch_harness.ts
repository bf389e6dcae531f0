/** The harness of tests of dispatch: a virtual clock, a bus in memory, and parts that remember. */

import assert from "node:assert/strict";
import { MemoryBus } from "../../src/bus/memory.ts";
import type { Answer, Command, Outcome } from "../../src/core/command.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import { TaskerError } from "../../src/core/errors.ts";
import { mintTaskId, type TaskId } from "../../src/core/ids.ts";
import { Outages } from "../../src/core/outages.ts";
import { encodePayload, type JsonText } from "../../src/core/payload.ts";
import { type Plan, planOf } from "../../src/core/plan.ts";
import type {
  Attempt,
  Bus,
  DeadLetter,
  DeadLetters,
  Handled,
  StartRequest,
} from "../../src/core/ports.ts";
import type { Definition, StepCode, StepDefinition } from "../../src/core/workflow.ts";
import type { Log } from "../../src/telemetry/log.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { definitionOf, type DriverStep } from "./task_driver.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import { DeadLetterStore } from "../../src/dispatch/dead_letter_store.ts";
import { openInbound } from "../../src/dispatch/inbound.ts";
import { LocalRunner } from "../../src/dispatch/local.ts";
import { type Outgoing, Publisher } from "../../src/dispatch/publisher.ts";
import { ReplyTokens, type TokenKey } from "../../src/dispatch/reply_token.ts";
import type { Sender } from "../../src/dispatch/step_command.ts";

/** The task of all tests that need only one. */
export const TASK: TaskId = mintTaskId(1_000_000, 7, "00000000-0000-4000-8000-000000000001");

/** A second one. */
export const OTHER_TASK: TaskId = mintTaskId(1_000_000, 8, "00000000-0000-4000-8000-000000000002");

/** A key for tokens. */
export const KEY: TokenKey = { kid: "now", secret: new Uint8Array(32).fill(7).toBase64() };

/** A plan of one remote step, unless said otherwise. */
export function planFor(
  step: Partial<StepDefinition> = {},
  more: Partial<Definition> = {},
  code?: StepCode,
): Plan {
  const asked: DriverStep = {
    name: "reserve",
    kind: "remote",
    owner: "stock",
    event: "stock.reserve",
    ...step,
  };
  const steps = new Map(code === undefined ? [] : [[asked.name, code]]);
  return planOf("hash", definitionOf([asked], more), { steps });
}

/** An attempt of the only step of a plan. */
export function attemptFor(plan: Plan, more: Partial<Attempt> = {}): Attempt {
  return {
    taskId: TASK,
    plan,
    step: 0,
    attempt: 1,
    startedAtMs: undefined,
    dueAtMs: undefined,
    traceparent: undefined,
    input: encodePayload({}, "the input"),
    needs: {},
    ...more,
  };
}

/** An envelope on its way to system "stock". */
export function addressed(id: string, taskId: TaskId = TASK, channel = "t.cmd.stock"): Outgoing {
  const envelope: Envelope = { specversion: "1.0", id, source: "/tasker/t", type: "x", data: {} };
  const made = { envelope, bytes: JSON.stringify(envelope).length };
  return { channel, part: channel, taskId, key: id, make: () => made, refused() {} };
}

/** One line of the log. */
export interface Line {
  readonly level: string;
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Dead letters in a list. */
class ListedLetters implements Pick<DeadLetters, "add" | "counts"> {
  readonly letters: DeadLetter[] = [];
  /** Thrown by each `add` while it is set. */
  refusal: Error | undefined;

  add(letter: Omit<DeadLetter, "id" | "bytes">): Promise<string> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    const id = `letter-${this.letters.length + 1}`;
    this.letters.push({ id, bytes: letter.body.length, ...letter });
    return Promise.resolve(id);
  }

  counts(): Promise<ReadonlyMap<string, number>> {
    const bySystem = Map.groupBy(this.letters, ({ system }) => system);
    return Promise.resolve(new Map(bySystem.entries().map(([name, all]) => [name, all.length])));
  }
}

/** Takes commands as an engine does, but decides nothing. */
class ListedSink {
  readonly sent: Command[] = [];
  readonly recorded: Command[] = [];
  /** What becomes of a command that wants an answer. */
  decide: (command: Command) => Promise<Answer> = ({ taskId }) =>
    Promise.resolve({ taskId, turn: 1, changed: true });

  send(command: Command): Promise<Answer> {
    this.sent.push(command);
    return this.decide(command);
  }

  record(command: Command): void {
    this.recorded.push(command);
  }
}

/** Everything that parts of dispatch are made of. */
export class DispatchHarness implements Sender {
  readonly runtime = new VirtualRuntime();
  readonly metrics = new Metrics();
  readonly outages = new Outages();
  readonly lines: Line[] = [];
  readonly log: Log = logInto(this.lines);
  readonly bus: MemoryBus = new MemoryBus({ runtime: this.runtime, log: this.log });
  readonly dead = new ListedLetters();
  readonly sink = new ListedSink();
  readonly prefix = "t";
  readonly deployment = "t";
  readonly tokens = new ReplyTokens({ runtime: this.runtime, keys: [KEY] });
  readonly deadLetters = new DeadLetterStore({
    runtime: this.runtime,
    log: this.log,
    metrics: this.metrics,
    dead: this.dead,
  });

  /** Texts of the log from a level. */
  said(level: string): readonly string[] {
    return this.lines.filter((line) => line.level === level).map(({ text }) => text);
  }

  /** Publishes whatever others may send, an envelope or not. */
  async publish(channel: string, ...values: readonly unknown[]): Promise<void> {
    await this.bus.publish(channel, values as Envelope[]);
    await this.runtime.settle();
  }

  /** Envelopes of a channel, taken off it. */
  async taken(channel: string): Promise<readonly Envelope[]> {
    const envelopes: Envelope[] = [];
    const end = await this.bus.consume(
      channel,
      { group: "test", inFlightMax: 1_000, leaseMs: 1_000 },
      ({ body }) => {
        envelopes.push(JSON.parse(body));
        return Promise.resolve<Handled>({ kind: "ack" });
      },
    );
    await this.runtime.settle();
    await end();
    return envelopes;
  }
}

/** The bus is away. */
export function away(): TaskerError {
  return new TaskerError("bus.unavailable", "Cannot use the bus: it is away");
}

function logInto(lines: Line[], carried: Line["fields"] = {}): Log {
  const into = (level: string) => (text: string, fields: Line["fields"] = {}) =>
    void lines.push({ level, text, fields: { ...carried, ...fields } });
  return {
    debug: into("debug"),
    info: into("info"),
    warn: into("warn"),
    error: into("error"),
    with: (fields) => logInto(lines, { ...carried, ...fields }),
  };
}

/** The step that local tests run. */
export const WORK = { name: "work", kind: "local", owner: "test" } as const;
/** The input of its task. */
export const INPUT = JSON.stringify({ id: 1 }) as JsonText;

/** A runner whose commands are kept. */
export function openLocalRunner() {
  const harness = new DispatchHarness();
  const recorded: Command[] = [];
  const record = (command: Command) => void recorded.push(command);
  const runner = new LocalRunner({ runtime: harness.runtime, log: harness.log, record });
  const start = (code: StepCode, more: Partial<Attempt> = {}) =>
    runner.start(attemptFor(planFor(WORK, {}, code), { input: INPUT, ...more }), code);
  return { harness, runtime: harness.runtime, runner, recorded, start };
}

/** Runs code to its end; it must record one result and nothing else. */
export async function localOutcomeOf(
  code: StepCode,
  more: Partial<Attempt> = {},
): Promise<Outcome> {
  const { runtime, recorded, start } = openLocalRunner();
  start(code, more);
  await runtime.settle();
  const [command, ...others] = recorded;
  assert.deepEqual(others, []);
  assert.ok(command?.kind === "RecordStepResult");
  return command.outcome;
}

/** What a failed attempt says. */
export function failureIn(outcome: Outcome) {
  assert.ok(outcome.kind === "failed");
  const { kind: _, failure: { class: name, error }, ...how } = outcome;
  return { class: name, error: JSON.parse(error), ...how };
}

/** Code that throws. */
export function throwing(error: unknown): StepCode {
  return {
    run() {
      throw error;
    },
  };
}

/** Opens a publisher over a bus that the test answers for. */
export function openPublisher() {
  const harness = new DispatchHarness();
  const calls: { channel: string; ids: string[] }[] = [];
  const played = { answer: (_ids: readonly string[]): Promise<void> => Promise.resolve() };
  const publisher = new Publisher({
    runtime: harness.runtime,
    log: harness.log,
    metrics: harness.metrics,
    outages: harness.outages,
    bus: {
      publish: (channel, envelopes) => {
        const ids = envelopes.map(({ id }) => id);
        calls.push({ channel, ids });
        return played.answer(ids);
      },
    },
  });
  const published = (outcome: string) =>
    harness.metrics.counter("tasker_bus_published_total", outcome).value;
  return { ...harness, harness, runtime: harness.runtime, calls, played, publisher, published };
}

/** Numbered ids. */
export function idsOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${prefix}${number}`);
}

/** Where system "shop" asks. */
export const IN = "t.in.shop";
/** Where it looks for answers. */
export const ANSWERS = "t.cmd.shop";

/** What a start is answered with. */
export const STARTED: Answer = { taskId: TASK, turn: 1, changed: true };

/** Consumes requests of two systems; "shop" may use namespace "test", "mail" nothing. */
export function openAsked(
  consumeOf = (bus: MemoryBus): Bus["consume"] => bus.consume.bind(bus),
) {
  const harness = new DispatchHarness();
  const starts: StartRequest[] = [];
  const played = {
    start: (_: StartRequest): Promise<Answer> => Promise.resolve(STARTED),
    publish: harness.bus.publish.bind(harness.bus),
  };
  const registered: unknown[] = [];
  const left: string[] = [];
  const end = openInbound({
    ...harness,
    registrar: {
      register: (of) => Promise.resolve(void registered.push(of)),
      leave: (system, instance) => Promise.resolve(left.push(`${system}/${instance}`) > 0),
    },
    runtime: harness.runtime,
    bus: {
      consume: consumeOf(harness.bus),
      publish: (channel, envelopes) => played.publish(channel, envelopes),
    },
    starter: {
      start(request) {
        starts.push(request);
        return played.start(request);
      },
    },
    planOf: (taskId) => Promise.resolve(taskId === TASK ? planFor() : undefined),
    // planFor() is of namespace "test".
    mayStart: (system, namespace) => system === "shop" && namespace === "test",
  }, ["shop", "mail"]);
  return { harness, starts, played, registered, left, end };
}

/** Makes a request of system "shop". */
export function request(type: string, data: unknown, more: Partial<Envelope> = {}): Envelope {
  return {
    specversion: "1.0",
    id: "r-1",
    source: "/shop",
    type: `tasker.task.${type}`,
    taskerreplyto: ANSWERS,
    data,
    ...more,
  };
}

/** Makes a request to start a task. */
export function start(data: Record<string, unknown> = {}, more: Partial<Envelope> = {}): Envelope {
  return request("start", { workflow: "test/played", input: { sku: "a" }, ...data }, more);
}

/** A request without a place for its answer. */
export function mute({ taskerreplyto: _, ...envelope }: Envelope): Envelope {
  return envelope as Envelope;
}
