/** Builds the Rust core with cargo: `deno run -A ffi/build.ts`. */

/** Where cargo runs, and what the library is made of. */
const FOLDER = new URL("./", import.meta.url);

const LIBRARY_NAMES: Partial<Record<typeof Deno.build.os, string>> = {
  darwin: "libtasker_core.dylib",
  windows: "tasker_core.dll",
};

const LIBRARY_URL = new URL(
  `target/release/${LIBRARY_NAMES[Deno.build.os] ?? "libtasker_core.so"}`,
  FOLDER,
);

/** The path of the library that `buildLibrary()` builds. */
export const LIBRARY_PATH = pathOf(LIBRARY_URL);

/** At most this many of cargo's last lines say why a build failed. */
const REASON_LINES_MAX = 20;

/** A library, or why there is none. */
export type BuildOutcome =
  | { readonly kind: "built"; readonly libraryPath: string }
  | { readonly kind: "absent"; readonly reason: string };

/** How a build is watched. */
export interface BuildOptions {
  /** Receives each line that cargo prints. */
  readonly onLine?: (line: string) => void;
  /** Ends cargo when nobody waits for it any more. */
  readonly signal?: AbortSignal;
}

/**
 * Builds the library unless it is newer than all of its sources. Safe to repeat. Without cargo, a
 * library that is there is taken as it is: its ABI version is checked when it is opened.
 *
 * Cost: a few file dates when up to date; some 40 s of two cores for a first build.
 */
export async function buildLibrary(options: BuildOptions = {}): Promise<BuildOutcome> {
  const built = { kind: "built", libraryPath: LIBRARY_PATH } as const;
  const builtAtMs = changedAtMs(LIBRARY_URL);
  if (builtAtMs !== undefined && builtAtMs >= sourcesChangedAtMs()) return built;
  const failure = await runCargo(options);
  if (failure === undefined) return built;
  if (failure.cargoMissing && builtAtMs !== undefined) return built;
  return { kind: "absent", reason: failure.reason };
}

interface BuildFailure {
  readonly cargoMissing: boolean;
  readonly reason: string;
}

/** Runs cargo; returns undefined when it succeeded. */
async function runCargo({ onLine, signal }: BuildOptions): Promise<BuildFailure | undefined> {
  const command = new Deno.Command("cargo", {
    args: ["build", "--release", "--locked", "--target-dir", "target", "--color", "never"],
    cwd: pathOf(FOLDER),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...(signal && { signal }),
  });
  let cargo: Deno.ChildProcess;
  try {
    cargo = command.spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { cargoMissing: true, reason: "cargo is not installed" };
  }
  const lastLines: string[] = [];
  for await (const line of linesOf(cargo.stderr)) {
    onLine?.(line);
    if (lastLines.push(line) > REASON_LINES_MAX) lastLines.shift();
  }
  const { success, signal: endedBy } = await cargo.status;
  if (success) return undefined;
  const what = endedBy === null ? "cargo build failed" : `cargo was ended by ${endedBy}`;
  return { cargoMissing: false, reason: [what, ...lastLines].join("\n") };
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** Returns when the newest source was changed. */
function sourcesChangedAtMs(): number {
  const sources = ["Cargo.toml", "Cargo.lock"];
  for (const entry of Deno.readDirSync(new URL("src/", FOLDER))) {
    sources.push(`src/${entry.name}`);
  }
  return Math.max(...sources.map((name) => changedAtMs(new URL(name, FOLDER)) ?? Infinity));
}

function changedAtMs(file: URL): number | undefined {
  try {
    return Deno.statSync(file).mtime?.getTime();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function pathOf(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}

if (import.meta.main) {
  const outcome = await buildLibrary({ onLine: console.error });
  if (outcome.kind === "absent") {
    console.error(outcome.reason);
    Deno.exit(1);
  }
  console.log(outcome.libraryPath);
}
