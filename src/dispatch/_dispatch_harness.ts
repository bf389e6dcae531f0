/** A stage for tests of dispatch: a clock that is told, a bus in memory, and parts that remember. */

import { MemoryBus } from "../bus/memory.ts";
import type { Answer, Command } from "../core/command.ts";
import type { Envelope } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import { mintTaskId, type TaskId } from "../core/ids.ts";
import { Outages } from "../core/outages.ts";
import { encodePayload } from "../core/payload.ts";
import { type Plan, planOf } from "../core/plan.ts";
import type { Attempt, Bus, DeadLetter, DeadLetters, Handled } from "../core/ports.ts";
import type { Definition, StepCode, StepDefinition } from "../core/workflow.ts";
import type { Log } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { definitionOf, type DriverStep } from "../../tests/support/task_driver.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { DeadLetterStore } from "./dead_letter_store.ts";
import type { Outgoing } from "./publisher.ts";
import { ReplyTokens, type TokenKey } from "./reply_token.ts";
import type { Sender } from "./step_command.ts";

/** The task of all tests that need only one. */
export const TASK: TaskId = mintTaskId(1_000_000, 7, "00000000-0000-4000-8000-000000000001");

/** A second one. */
export const OTHER_TASK: TaskId = mintTaskId(1_000_000, 8, "00000000-0000-4000-8000-000000000002");

/** A key for tokens. */
export const KEY: TokenKey = { kid: "now", secret: new Uint8Array(32).fill(7).toBase64() };

/** A plan of one remote step, unless told otherwise. */
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
export class ListedLetters implements Pick<DeadLetters, "add"> {
  readonly letters: DeadLetter[] = [];
  /** Thrown by each `add` while it is set. */
  refusal: Error | undefined;

  add(letter: Omit<DeadLetter, "id">): Promise<string> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    const id = `letter-${this.letters.length + 1}`;
    this.letters.push({ id, ...letter });
    return Promise.resolve(id);
  }
}

/** Takes commands as an engine does, but decides nothing. */
export class ListedSink {
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
  readonly office = this.officeOver(this.bus);

  officeOver(bus: Pick<Bus, "publish">): DeadLetterStore {
    const { runtime, log, metrics, dead, prefix, deployment } = this;
    return new DeadLetterStore({ runtime, log, metrics, dead, prefix, deployment, bus });
  }

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
