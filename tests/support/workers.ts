/** The workers of `examples/workers/`: what each answers, and how it is built and started. */

import { cacheFolder, run } from "./programs.ts";
import {
  EXAMPLES,
  nodePackages,
  pythonEnv,
  pythonPackages,
  type Service,
  startService,
} from "./services.ts";
import type { Asked } from "./worker_harness.ts";

/** One worker, and what it is asked. */
export interface WorkerExample {
  readonly language: string;
  readonly system: string;
  readonly good: Asked;
  readonly refused: Asked;
  /** The code of the failure that `refused` gets. */
  readonly refusal: string;
  /** Builds what is needed, once for each content of the sources. */
  prepare(): Promise<Prepared>;
}

/** How to start a worker, or why that is not possible here. */
type Prepared =
  | { readonly command: readonly string[]; readonly env?: Readonly<Record<string, string>> }
  | { readonly reason: string };

const FOLDER = `${EXAMPLES}workers/`;

export const WORKERS: readonly WorkerExample[] = [
  {
    language: "Python",
    system: "python_inventory",
    good: {
      id: "c-1",
      type: "inventory.check_stock",
      data: { order_id: "A-1", product_ids: ["lamp", "désk ☃"], quantities: [1, 100] },
    },
    refused: {
      id: "c-2",
      type: "inventory.check_stock",
      data: { order_id: "A-2", product_ids: ["lamp"], quantities: [101] },
    },
    refusal: "out_of_stock",
    async prepare() {
      const reason = await pythonPackages();
      return reason === undefined
        ? { command: ["python3", `${FOLDER}worker.py`], env: pythonEnv() }
        : { reason };
    },
  },
  {
    language: "Go",
    system: "go_shipping",
    good: { id: "c-1", type: "shipping.book", data: { order_id: "A-1", parcels: 3 } },
    refused: { id: "c-2", type: "shipping.book", data: { order_id: "A-2", parcels: 101 } },
    refusal: "too_many",
    prepare: () =>
      built("go", ["worker.go", "go.mod", "go.sum"], async (folder) => {
        const args = ["build", "-C", FOLDER, "-o", `${folder}/worker`, "worker.go"];
        return await run("go", args);
      }, (folder) => [`${folder}/worker`]),
  },
  {
    language: "Node",
    system: "node_payments",
    good: {
      id: "c-1",
      type: "payment.charge",
      data: { order_id: "A-1", amount_cents: 4_200, currency: "EUR", reservation_id: "r" },
    },
    refused: {
      id: "c-2",
      type: "payment.charge",
      data: { order_id: "A-2", amount_cents: 1_000_001, currency: "EUR", reservation_id: "r" },
    },
    refusal: "card_declined",
    async prepare() {
      const reason = await nodePackages();
      return reason === undefined ? { command: ["node", `${FOLDER}worker.mjs`] } : { reason };
    },
  },
  {
    language: "Java",
    system: "java_invoices",
    good: { id: "c-1", type: "invoice.write", data: { order_id: "A-1", amount_cents: 4_200 } },
    refused: {
      id: "c-2",
      type: "invoice.write",
      data: { order_id: "A-2", amount_cents: 1_000_001 },
    },
    refusal: "too_much",
    prepare: () =>
      built("java", ["Worker.java", "pom.xml"], async (folder) => {
        const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${folder}/lib`];
        const fetched = await run("mvn", ["-q", "-B", "-f", `${FOLDER}pom.xml`, ...goal]);
        if (!fetched.ok) return fetched;
        return await run("javac", ["-cp", `${folder}/lib/*`, "-d", folder, `${FOLDER}Worker.java`]);
      }, (folder) => ["java", "-Xmx64m", "-cp", `${folder}:${folder}/lib/*`, "Worker"]),
  },
  {
    language: "Ruby",
    system: "ruby_mail",
    good: { id: "c-1", type: "mail.send", data: { order_id: "A-1", to: "ada@example.org" } },
    refused: { id: "c-2", type: "mail.send", data: { order_id: "A-2", to: "ada@a.invalid" } },
    refusal: "address_refused",
    async prepare() {
      const { ok, said } = await run("ruby", ["-e", "require 'redis'"]);
      if (ok) return { command: ["ruby", `${FOLDER}worker.rb`] };
      return { reason: `there is no Ruby with the package "redis": ${said}` };
    },
  },
];

/** The command of `good` and `refused` of a worker over Redis, for the same over HTTP. */
function alike(language: string) {
  const { system, good, refused, refusal } = WORKERS.find((one) => one.language === language) ??
    WORKERS[0] as WorkerExample;
  return { system, good, refused, refusal };
}

/** The workers that need no broker. */
export const HTTP_WORKERS: readonly WorkerExample[] = [
  {
    ...alike("Python"),
    language: "Python",
    async prepare() {
      const reason = await whyNot("python3", "-V");
      return reason === undefined
        ? { command: ["python3", `${FOLDER}worker_http.py`] }
        : { reason };
    },
  },
  {
    ...alike("Node"),
    language: "Node",
    async prepare() {
      const reason = await whyNot("node", "-v");
      return reason === undefined ? { command: ["node", `${FOLDER}worker_http.mjs`] } : { reason };
    },
  },
  {
    language: "shell",
    system: "shell_reports",
    good: { id: "c-1", type: "report.write", data: { order_id: "A-1", pages: 3 } },
    refused: { id: "c-2", type: "report.write", data: { order_id: "A-2", pages: 101 } },
    refusal: "too_long",
    async prepare() {
      const reason = await whyNot("curl", "--version") ?? await whyNot("jq", "--version");
      return reason === undefined ? { command: ["sh", `${FOLDER}worker.sh`] } : { reason };
    },
  },
];

async function whyNot(program: string, ...args: string[]): Promise<string | undefined> {
  const { ok, said } = await run(program, args);
  return ok ? undefined : `${program} cannot be run: ${said}`;
}

/** Starts a worker that was prepared, and waits until it takes commands. */
export async function startExample(
  example: WorkerExample,
  env: Readonly<Record<string, string>>,
): Promise<Service> {
  const prepared = await example.prepare();
  if ("reason" in prepared) throw new Error(prepared.reason);
  const { command } = prepared;
  return await startService(`the ${example.language} worker`, {
    command,
    env: { ...prepared.env, ...env },
  });
}

/** Builds into a folder of the cache that its sources name; what is there is used again. */
async function built(
  language: string,
  sources: readonly string[],
  build: (folder: string) => Promise<{ ok: boolean; said: string }>,
  commandOf: (folder: string) => readonly string[],
): Promise<Prepared> {
  const texts = await Promise.all(sources.map((name) => Deno.readTextFile(`${FOLDER}${name}`)));
  const bytes = new TextEncoder().encode(texts.join("\0"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
  const folder = `${cacheFolder()}/tasker/worker-${language}-${digest}`;
  const command = commandOf(folder);
  if (await Deno.stat(folder).then(() => true, () => false)) return { command };
  await Deno.mkdir(`${cacheFolder()}/tasker`, { recursive: true });
  const work = await Deno.makeTempDir({ dir: `${cacheFolder()}/tasker` });
  const { ok, said } = await build(work);
  // Another process may have been faster: its build is the same.
  if (ok) await Deno.rename(work, folder).catch(() => {});
  await Deno.remove(work, { recursive: true }).catch(() => {});
  return ok ? { command } : { reason: `the ${language} worker cannot be built: ${said}` };
}
