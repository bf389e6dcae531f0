/** Stands in for the engine towards a worker on a real Redis: sends commands, reads answers. */

import { createClient } from "redis";
import type { Envelope } from "../../src/core/envelope.ts";
import { until } from "./serve.ts";

/** How long an answer may take on a loaded machine. */
const ANSWER_MS_MAX = 30_000;

/** What a command says beside what every command says. */
export type Asked = Partial<Envelope> & Pick<Envelope, "id" | "type" | "data">;

/** One system's channels, as the engine sees them. */
export class WorkerHarness implements AsyncDisposable {
  readonly commands: string;
  readonly replies: string;
  readonly dead: string;
  readonly redis: ReturnType<typeof createClient>;

  constructor(url: string, readonly system: string) {
    this.commands = `tasker.workflows.cmd.${system}`;
    this.replies = `tasker.workflows.reply.${system}`;
    this.dead = `tasker.workflows.dead.${system}`;
    this.redis = createClient({ url });
    // The command that fails says why.
    this.redis.on("error", () => {});
  }

  static async open(url: string, system: string): Promise<WorkerHarness> {
    const engine = new WorkerHarness(url, system);
    await engine.redis.connect();
    await engine.redis.flushAll();
    return engine;
  }

  /** Makes a command as the engine does. */
  command(asked: Asked): Envelope {
    return commandOf(this.system, asked);
  }

  async send(...commands: Asked[]): Promise<void> {
    for (const asked of commands) await this.put(JSON.stringify(this.command(asked)));
  }

  /** Puts anything into the command channel. */
  async put(body: string): Promise<void> {
    await this.redis.xAdd(this.commands, "*", { ce: body });
  }

  /** Resolves with all replies once there are `count`, and nothing waits or is in hand. */
  async settled(count: number): Promise<Envelope[]> {
    return await until(`${count} replies of ${this.system}`, ANSWER_MS_MAX, async () => {
      const replies = await this.read(this.replies);
      const waiting = await this.redis.xLen(this.commands);
      return replies.length >= count && waiting === 0 ? replies : undefined;
    });
  }

  /** Resolves when workers have `count` commands in hand. */
  async taken(count = 1): Promise<void> {
    await until(`${this.system} to take ${count} commands`, ANSWER_MS_MAX, async () => {
      const pending = await this.redis.xPending(this.commands, this.system).catch(() => undefined);
      return (pending?.pending ?? 0) >= count ? true : undefined;
    });
  }

  /** Reads all of a channel. */
  async read(channel: string): Promise<Envelope[]> {
    const entries = await this.redis.xRange(channel, "-", "+") ?? [];
    return entries.map(({ message }) => JSON.parse(message["ce"] ?? "null"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve(this.redis.destroy());
  }
}

/** Makes a command as the engine does. */
export function commandOf(system: string, asked: Asked): Envelope {
  return {
    specversion: "1.0",
    source: "/tasker/test",
    subject: "tasker.t-1.a_step",
    time: "2026-01-01T00:00:00.000Z",
    correlationid: "t-1",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    taskerattempt: 1,
    taskerreplyto: `tasker.workflows.reply.${system}`,
    taskerreplytoken: "v1.kid.claims.signature",
    datacontenttype: "application/json",
    ...asked,
  };
}

/** Makes the notice that a command is no longer wanted, as the engine does. */
export function cancelledOf(system: string, commandId: string): Envelope {
  const { taskerreplyto: _to, taskerreplytoken: _token, ...notice } = commandOf(system, {
    id: `${commandId}/cancelled`,
    type: "tasker.step.cancelled",
    causationid: commandId,
    data: {},
  });
  return notice;
}

/** What a reply to `c-1`, made by `commandOf`, says beside its time and its data. */
export function replyTo(system: string): Readonly<Record<string, unknown>> {
  return {
    specversion: "1.0",
    id: "c-1:completed",
    source: `/${system}`,
    type: "tasker.step.completed",
    subject: "tasker.t-1.a_step",
    correlationid: "t-1",
    causationid: "c-1",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    taskerattempt: 1,
    taskerreplytoken: "v1.kid.claims.signature",
    datacontenttype: "application/json",
  };
}

/** What a reply says of itself. */
export function kindOf({ id, type, data }: Envelope): unknown {
  const { error_code, retryable } = data as { error_code?: string; retryable?: boolean };
  return { id, type, ...(error_code === undefined ? {} : { error_code, retryable }) };
}
