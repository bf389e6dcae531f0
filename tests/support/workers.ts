/** The workers of `examples/workers/`: what each answers, and how it is built and started. */

import {
  cacheFolder,
  EXAMPLES,
  pythonPackages,
  run,
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
      const packages = await pythonPackages();
      if ("reason" in packages) return packages;
      const env = { PYTHONPATH: packages.folder, PYTHONDONTWRITEBYTECODE: "1" };
      return { command: ["python3", `${FOLDER}worker.py`], env };
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
];

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
