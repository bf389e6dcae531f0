/** Connection: the address of the server, and the key to use. */

/** Reads a text file; undefined when it is not there. Throws when it cannot be read. */
export type ReadFile = (path: string) => Promise<string | undefined>;

/** The environment variables that are read. */
export const CONNECTION_NAMES = ["TASKER_URL", "TASKER_KEY", "TASKER_DATA"] as const;

/** A value and where it comes from. */
export interface Sourced {
  readonly value: string;
  readonly from: string;
}

/** The address and the key, or why there is none. */
export interface Connection {
  readonly url: Sourced | { readonly missing: string };
  readonly key: Sourced | { readonly missing: string };
}

/** What a person can do without an address, and without a key. */
export const FIND_SERVER = "start a server here with `deno task serve`, or set TASKER_URL";
export const FIND_KEY = "set TASKER_KEY to a key; `deno task serve` printed the first one";

/** Where to look. */
export interface ConnectionOptions {
  readonly env: Readonly<Partial<Record<typeof CONNECTION_NAMES[number], string | undefined>>>;
  readonly readFile: ReadFile;
}

/**
 * Finds address and key: from `TASKER_URL` and `TASKER_KEY`, else from the files `address` and
 * `admin.key` that a server leaves in `TASKER_DATA`.
 *
 * The key in the file is sent to loopback addresses only: a `TASKER_URL` that points elsewhere must
 * not give the key of the local server away.
 */
export async function findConnection(options: ConnectionOptions): Promise<Connection> {
  const { env } = options;
  const dataDir = env.TASKER_DATA || ".tasker";
  const url = env.TASKER_URL
    ? checked({ value: env.TASKER_URL, from: "TASKER_URL" })
    : await fromFile(options, `${dataDir}/address`, "TASKER_URL is not set");
  if (env.TASKER_KEY) return { url, key: checkedKey(env.TASKER_KEY) };
  const isLocal = "missing" in url || url.from !== "TASKER_URL" || isLoopback(url.value);
  const key = isLocal
    ? await fromFile(options, `${dataDir}/admin.key`, "TASKER_KEY is not set")
    : { missing: `TASKER_KEY is not set, and ${dataDir}/admin.key is not sent to other hosts` };
  return { url, key };
}

/** A key with other characters is never sent, nor shown: the error of the header would show it. */
function checkedKey(value: string): Sourced | { missing: string } {
  return /^[\x21-\x7e]+$/.test(value)
    ? { value, from: "TASKER_KEY" }
    : { missing: "TASKER_KEY has a space, a line break or a character that is not ASCII" };
}

function checked(url: Sourced): Sourced | { missing: string } {
  const isUrl = /^https?:\/\/[^/]/.test(url.value) && URL.canParse(url.value);
  return isUrl ? url : { missing: `${url.from} is not a URL such as http://127.0.0.1:8080` };
}

async function fromFile(
  { readFile }: ConnectionOptions,
  path: string,
  unset: string,
): Promise<Sourced | { missing: string }> {
  try {
    const text = (await readFile(path))?.trim();
    if (text === undefined) return { missing: `${unset}, and there is no file ${path}` };
    return text === ""
      ? { missing: `${unset}, and ${path} is empty` }
      : { value: text, from: path };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { missing: `${unset}, and ${path} cannot be read: ${why}` };
  }
}

function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname ?? "";
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
