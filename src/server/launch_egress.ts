/** Starts the guard of HTTP requests, which is a process beside the server, and again when it ends. */

import type { Config } from "./config.ts";
import type { Environment } from "./config_reader.ts";
import { MODEL_KEY, OIDC_SECRET } from "../core/http_call.ts";
import { TaskerError } from "../core/errors.ts";
import type { OnLine } from "../postgres/retry_for.ts";
import { inherited, startBeside } from "./launch_process.ts";

/** What TLS reads: certificates that this host trusts beside others. */
const TLS_NAMES: readonly string[] = [
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "NODE_EXTRA_CA_CERTS",
  "NODE_USE_SYSTEM_CA",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
];

/** What the guard's code reads. */
const NAMES: readonly string[] = [
  "TASKER_EGRESS",
  "TASKER_EGRESS_URL",
  "TASKER_MODEL_URL",
  "TASKER_OIDC_TOKEN_ORIGIN",
  "TASKER_SECRETS",
  "NODE_EXTRA_CA_CERTS",
  "NODE_USE_SYSTEM_CA",
];

/** What the guard is started with. */
interface GuardOptions {
  readonly config: Pick<Config, "egress" | "secrets" | "model" | "oidc">;
  readonly env: Environment;
  /** Absolute path of the folder with src. */
  readonly root: string;
  readonly project: string;
  readonly onLine: OnLine;
}

/** A guard, for as long as servers run. */
interface Guard extends Disposable {
  /** Where it is, with its key; undefined when nothing may be called. */
  readonly url: string | undefined;
}

/**
 * Starts the guard when the configuration names hosts, or secrets that sign events. It has the network and
 * the secrets, which the server with its step code must not have; the server has the guard's address and its
 * key.
 *
 * @throws {TaskerError} config.invalid when a secret is not set, or the guard does not start
 */
export async function startGuard(options: GuardOptions): Promise<Guard> {
  const { config, env, onLine } = options;
  const absent = config.secrets.filter((name) => (env[name] ?? "") === "");
  if (absent.length > 0) {
    const names = absent.join(", ");
    throw new TaskerError("config.invalid", `Cannot send secrets that are not set: ${names}`);
  }
  if (config.egress.length === 0 && config.secrets.length === 0) {
    return { url: undefined, [Symbol.dispose]() {} };
  }
  return await startBeside({
    name: "the guard of HTTP requests",
    spawn: (url) => spawnGuard(options, url),
    onLine,
  });
}

function spawnGuard({ config, env, root, project }: GuardOptions, url: string): Deno.ChildProcess {
  const secrets = [
    ...config.secrets,
    ...config.model === undefined ? [] : [MODEL_KEY],
    ...config.oidc?.hasSecret ? [OIDC_SECRET] : [],
  ];
  const names = [...NAMES, ...secrets];
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-remote",
      `--config=${project}/deno.json`,
      "--allow-net",
      "--allow-sys", // for the certificates that this host trusts: Deno has no narrower name for it
      `--allow-env=${names.join(",")}`,
      `${root}/src/server/egress_main.ts`,
    ],
    clearEnv: true,
    env: {
      ...inherited(env, TLS_NAMES),
      TASKER_EGRESS: config.egress.join(","),
      TASKER_EGRESS_URL: url,
      TASKER_MODEL_URL: config.model?.url ?? "",
      TASKER_SECRETS: secrets.join(","),
      TASKER_OIDC_TOKEN_ORIGIN: config.oidc?.tokenOrigin ?? "",
      ...Object.fromEntries(secrets.map((name) => [name, env[name] ?? ""])),
      ...(config.oidc?.hasSecret && { [OIDC_SECRET]: basicOf(config.oidc.clientId, env) }),
    },
    stdin: "piped", // it ends when this process does
    stdout: "piped",
    stderr: "inherit",
    detached: true, // a Ctrl-C is for the launcher: the server still needs the guard while it drains
  }).spawn();
}

/** A client and its secret as HTTP Basic has them (RFC 6749, §2.3.1). */
function basicOf(clientId: string, env: Environment): string {
  const [id, secret] = [clientId, env[OIDC_SECRET]?.trim() ?? ""].map((text) =>
    encodeURIComponent(text).replaceAll("%20", "+")
  );
  return btoa(`${id}:${secret}`);
}
