/** Starts the process that works on documents beside the server, and again when it ends or hangs. */

import type { OnLine } from "../postgres/retry_for.ts";
import type { Environment } from "./config_reader.ts";
import { SILENT_MS_MAX } from "./document_wire.ts";
import { inherited, type ProcessBeside, startBeside } from "./launch_process.ts";

/** What it reads: its address, and what its libraries look for. */
const NAMES: readonly string[] = ["TASKER_DOCUMENTS_URL", "LOG_STREAM", "LOG_TOKENS"];

/** Megabytes of its memory: an endless document ends it alone, and not the server. */
const HEAP_MIB_MAX = 1_024;

/** What the process is started with. */
interface DocumentsOptions {
  readonly env: Environment;
  /** Absolute path of the folder with src. */
  readonly root: string;
  readonly project: string;
  readonly onLine: OnLine;
}

/**
 * Starts the process that works on documents. It may listen, and nothing else.
 *
 * @throws {TaskerError} config.invalid when it does not start
 */
export function startDocuments(options: DocumentsOptions): Promise<ProcessBeside> {
  return startBeside({
    name: "the process that works on documents",
    spawn: (url) => spawnDocuments(options, url),
    silentMsMax: SILENT_MS_MAX,
    onLine: options.onLine,
  });
}

function spawnDocuments(
  { env, root, project }: DocumentsOptions,
  url: string,
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-remote",
      `--v8-flags=--enable-experimental-regexp-engine-on-excessive-backtracks,--max-old-space-size=${HEAP_MIB_MAX}`,
      `--config=${project}/deno.json`,
      "--allow-net=127.0.0.1:0",
      `--allow-env=${NAMES.join(",")}`,
      `${root}/src/server/documents_main.ts`,
    ],
    clearEnv: true,
    env: { ...inherited(env), TASKER_DOCUMENTS_URL: url },
    stdin: "piped", // it ends when this process does
    stdout: "piped",
    stderr: "inherit",
    detached: true, // a Ctrl-C is for the launcher: requests are answered while the server drains
  }).spawn();
}
