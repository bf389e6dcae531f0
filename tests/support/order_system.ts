/** The shop: an engine, the two other systems of an order, and who brings orders, all as processes. */

import { makeDataDir } from "./data_dir.ts";
import type { Mortal } from "./chaos.ts";
import type { TestServer } from "./test_server.ts";
import { serve, type Served, until } from "./serve.ts";
import { type Service, startScript, startWorker } from "./services.ts";

/** Which workflow an order is. */
export const ORDER = "orders/distributed_order_processing";

/** How the services meet the engine. */
export interface OrderSystemOptions {
  /** Undefined: over HTTP, and the bus is Postgres. */
  readonly redis: TestServer | undefined;
}

/** Orders to bring. */
export interface Orders {
  readonly way: "redis" | "http";
  /** Begins their ids. */
  readonly prefix: string;
  readonly count: number;
  readonly cents?: number;
}

/** A charge in the ledger of the payment gateway. */
export interface Charge {
  readonly order_id: string;
  readonly transaction_id: string;
  readonly amount_cents: number;
}

/** How long a step of a worker takes: several commands are in hand at any moment. */
export const WORK_MS = 600;

/** Short, so that what a dead worker had is soon taken by the next. */
const LEASE_MS = 2_000;

const WORKERS = {
  python: {
    script: "python_inventory/worker.py",
    env: { INVENTORY_WORK_S: String(WORK_MS / 1_000), INVENTORY_LEASE_S: String(LEASE_MS / 1_000) },
  },
  node: {
    script: "node_payments/worker.mjs",
    env: { PAYMENTS_WORK_MS: String(WORK_MS), PAYMENTS_LEASE_MS: String(LEASE_MS) },
  },
} as const;

/** One shop, open. */
export class OrderSystem implements AsyncDisposable {
  readonly python: Mortal;
  readonly node: Mortal;
  readonly #producers: Service[] = [];
  readonly #workers = new Map<string, Service>();
  #server: Served | undefined;

  private constructor(
    readonly options: OrderSystemOptions,
    readonly folder: string,
    readonly port: number,
  ) {
    this.python = this.#worker("python");
    this.node = this.#worker("node");
  }

  /** Opens a shop with one server and one worker of each kind. */
  static async open(options: OrderSystemOptions): Promise<OrderSystem> {
    const folder = makeDataDir("orders");
    const orders = new OrderSystem(options, folder, freePort());
    try {
      await orders.#serve();
      await Promise.all([orders.python.start(), orders.node.start()]);
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
    return this.#running.key;
  }

  /** The server alone; its launcher ends by itself. */
  get server(): Mortal {
    return {
      name: "the server",
      kill: async () => {
        this.#running.kill("SIGKILL");
        await this.#running.exited;
      },
      start: () => this.#serve(),
    };
  }

  /** The server and all that started it, as at the end of a machine; Postgres is left behind. */
  get machine(): Mortal {
    return {
      name: "the server and its launcher",
      kill: async () => {
        const { pid, launcherPid, exited } = this.#running;
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
        const said = this.#running.said();
        before = said.length;
        kill(Number([...said.matchAll(/Postgres .*pid (\d+)/g)].at(-1)?.[1]));
        return Promise.resolve();
      },
      start: async () => {
        await until("Postgres to run again", 60_000, () => {
          return this.#running.said().slice(before).includes("runs again") || undefined;
        });
      },
    };
  }

  /** Brings orders, in a process of its own that goes on until all have arrived. */
  bring({ way, prefix, count, cents }: Orders): void {
    const { redis } = this.options;
    const at = way === "redis" && redis !== undefined
      ? ["--redis", redis.url]
      : ["--http", this.url, "--key", this.key];
    const args = [...at, "--orders", String(count), "--prefix", prefix];
    if (cents !== undefined) args.push("--cents", String(cents));
    this.#producers.push(startScript("order_producer/produce.py", { args }));
  }

  /** Resolves when all orders that were brought have arrived. */
  async brought(): Promise<void> {
    for (const producer of this.#producers) {
      const code = await producer.exited;
      if (code !== 0) throw new Error(`a producer ended with ${code}: ${producer.said()}`);
    }
  }

  /** What the gateway has charged, one a file. */
  async charges(): Promise<Charge[]> {
    const charges: Charge[] = [];
    for await (const { name } of Deno.readDir(this.#ledger)) {
      if (!name.endsWith(".json")) continue;
      charges.push(JSON.parse(await Deno.readTextFile(`${this.#ledger}/${name}`)));
    }
    return charges;
  }

  /** All that everybody has said, for a test that failed. */
  said(): string {
    return [this.#server, ...this.#workers.values(), ...this.#producers]
      .map((one) => one?.said().split("\n").slice(-40).join("\n"))
      .join("\n----\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [...this.#producers, ...this.#workers.values()]) {
      await one[Symbol.asyncDispose]();
    }
    await this.#server?.[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }

  get #running(): Served {
    if (this.#server === undefined) throw new Error("the server is not running");
    return this.#server;
  }

  get #ledger(): string {
    return `${this.folder}/ledger`;
  }

  async #serve(): Promise<void> {
    const { redis } = this.options;
    this.#server = await serve({
      dataDir: `${this.folder}/data`,
      env: {
        TASKER_PORT: String(this.port),
        ...(redis !== undefined && { REDIS_URL: redis.url }),
      },
    });
  }

  #worker(kind: keyof typeof WORKERS): Mortal {
    const { script, env } = WORKERS[kind];
    return {
      name: script,
      kill: async () => await this.#workers.get(kind)?.[Symbol.asyncDispose](),
      start: async () => {
        const { redis } = this.options;
        const at = redis === undefined
          ? ["--http", this.url, "--key", this.key]
          : ["--redis", redis.url];
        const args = kind === "node" ? [...at, "--ledger", this.#ledger] : at;
        this.#workers.set(kind, await startWorker(script, { args, env }));
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

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
