/** The shop: an engine, the other systems of an order, and who brings orders, all as processes. */

import { makeDataDir } from "./data_dir.ts";
import type { Mortal } from "./chaos.ts";
import { freePort } from "./programs.ts";
import type { TestServer } from "./test_server.ts";
import { serve, type Served, until } from "./serve.ts";
import { type Service, startScript } from "./services.ts";
import { startExample, type WorkerExample } from "./workers.ts";

/** Which shop to open. */
export interface OrderSystemOptions {
  /** Undefined: the bus is Postgres. */
  readonly redis: TestServer | undefined;
  /** Which workflow an order is. */
  readonly workflow: string;
  /** The folder that has it; the one of this repository unless given. */
  readonly workflowsDir?: string;
  readonly workers: readonly WorkerExample[];
}

/** Orders to bring. */
export interface Orders {
  readonly way: "redis" | "http";
  /** Begins their ids. */
  readonly prefix: string;
  readonly count: number;
  readonly cents?: number;
}

/** How long a step of a worker takes: several commands are in hand at any moment. */
export const WORK_MS = 600;

/** Short, so that what a dead worker had is soon taken by the next. */
const LEASE_MS = 2_000;

/** One shop, open. */
export class OrderSystem implements AsyncDisposable {
  readonly workers: readonly Mortal[];
  readonly #producers: Service[] = [];
  readonly #running = new Map<WorkerExample, Service>();
  #served: Served | undefined;

  private constructor(
    readonly options: OrderSystemOptions,
    readonly folder: string,
    readonly port: number,
  ) {
    this.workers = options.workers.map((example) => this.#worker(example));
  }

  /** Opens a shop with one server and one worker of each kind. */
  static async open(options: OrderSystemOptions): Promise<OrderSystem> {
    const orders = new OrderSystem(options, makeDataDir("orders"), freePort());
    try {
      await Deno.mkdir(orders.#ledger);
      await orders.#serve();
      await Promise.all(orders.workers.map((worker) => worker.start()));
      return orders;
    } catch (error) {
      await orders[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get key(): string {
    return this.#server.key;
  }

  /** The server alone; its launcher ends by itself. */
  get server(): Mortal {
    return {
      name: "the server",
      kill: async () => {
        this.#server.kill("SIGKILL");
        await this.#server.exited;
      },
      start: () => this.#serve(),
    };
  }

  /** The server and all that started it, as at the end of a machine; Postgres is left behind. */
  get machine(): Mortal {
    return {
      name: "the server and its launcher",
      kill: async () => {
        const { pid, launcherPid, exited } = this.#server;
        for (const one of [await parentOf(pid), launcherPid, pid]) kill(one);
        await exited;
      },
      start: () => this.#serve(),
    };
  }

  /** The embedded Postgres; the launcher starts it again by itself. */
  get postgres(): Mortal {
    let before = 0;
    return {
      name: "Postgres",
      kill: () => {
        const said = this.#server.said();
        before = said.length;
        kill(Number([...said.matchAll(/Postgres .*pid (\d+)/g)].at(-1)?.[1]));
        return Promise.resolve();
      },
      start: async () => {
        await until("Postgres to run again", 60_000, () => {
          return this.#server.said().slice(before).includes("runs again") || undefined;
        });
      },
    };
  }

  /** Brings orders, in a process of its own that goes on until all have arrived. */
  bring({ way, prefix, count, cents }: Orders): void {
    const { redis, workflow } = this.options;
    const at = way === "redis" && redis !== undefined
      ? ["--redis", redis.url]
      : ["--http", this.url, "--key", this.key];
    const args = [...at, "--workflow", workflow, "--orders", String(count), "--prefix", prefix];
    if (cents !== undefined) args.push("--cents", String(cents));
    this.#producers.push(startScript("order_producer/produce.py", args));
  }

  /** Resolves when all orders that were brought have arrived. */
  async brought(): Promise<void> {
    for (const producer of this.#producers) {
      const code = await producer.exited;
      if (code !== 0) throw new Error(`a producer ended with ${code}: ${producer.said()}`);
    }
  }

  /** The keys under which workers did something. */
  effects(): readonly string[] {
    return [...Deno.readDirSync(this.#ledger)].map(({ name }) => name);
  }

  /** All that everybody has said, for a test that failed. */
  said(): string {
    return [this.#served, ...this.#running.values(), ...this.#producers]
      .map((one) => one?.said().split("\n").slice(-40).join("\n"))
      .join("\n----\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [...this.#producers, ...this.#running.values()]) {
      await one[Symbol.asyncDispose]();
    }
    await this.#served?.[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }

  get #server(): Served {
    if (this.#served === undefined) throw new Error("the server is not running");
    return this.#served;
  }

  get #ledger(): string {
    return `${this.folder}/ledger`;
  }

  async #serve(): Promise<void> {
    const { redis, workflowsDir } = this.options;
    this.#served = await serve({
      dataDir: `${this.folder}/data`,
      env: {
        TASKER_PORT: String(this.port),
        ...(workflowsDir !== undefined && { TASKER_WORKFLOWS: workflowsDir }),
        ...(redis !== undefined && { REDIS_URL: redis.url }),
      },
    });
  }

  #worker(example: WorkerExample): Mortal {
    const { language } = example;
    return {
      name: `the ${language} worker`,
      kill: async () => await this.#running.get(example)?.[Symbol.asyncDispose](),
      start: async () => {
        const service = await startExample(example, {
          TASKER_URL: this.url,
          TASKER_KEY: this.key,
          REDIS_URL: this.options.redis?.url ?? "",
          LEDGER: this.#ledger,
          LEASE_MS: String(LEASE_MS),
          // The shell works on one command alone, and is slow already.
          WORK_MS: String(language === "shell" ? 0 : WORK_MS),
        });
        this.#running.set(example, service);
      },
    };
  }
}

/** Makes a Redis mortal. */
export function mortalRedis(redis: TestServer): Mortal {
  return { name: "Redis", kill: () => redis.kill9(), start: () => redis.restart() };
}

async function parentOf(pid: number): Promise<number> {
  if (Deno.build.os === "linux") {
    const line = await Deno.readTextFile(`/proc/${pid}/stat`);
    return Number(line.slice(line.lastIndexOf(")")).split(" ")[2]);
  }
  const ps = await new Deno.Command("ps", { args: ["-o", "ppid=", "-p", String(pid)] }).output();
  return Number(new TextDecoder().decode(ps.stdout));
}

function kill(pid: number): void {
  if (!(pid > 1)) throw new Error(`there is no process ${pid} to kill`);
  try {
    Deno.kill(pid, "SIGKILL");
  } catch { /* it has ended already */ }
}
