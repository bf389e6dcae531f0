/** Programs of npm for tests: fetched once into a folder beside the others, with a Node that runs them. */

const DIR = "/tmp/tasker-npm-tools-1";

/** The conformance suite wants Node 22 or later, which an npm package brings. */
const PACKAGES = [
  "node@22.23.3",
  "@modelcontextprotocol/conformance@0.2.0-alpha.12",
  "@modelcontextprotocol/inspector@2.12.0",
];

/** Programs, or why there are none. */
export type NpmTools =
  | { run(program: string, args: readonly string[]): Promise<Ran> }
  | { readonly reason: string };

/** How a program ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Installs the programs, unless they are there. */
export async function npmTools(): Promise<NpmTools> {
  const bin = `${DIR}/node_modules/.bin`;
  const isThere = () => Deno.stat(`${DIR}/done`).then(() => true, () => false);
  if (!await isThere()) {
    await Deno.mkdir(DIR, { recursive: true });
    const args = ["install", "--prefix", DIR, "--no-audit", "--no-fund", ...PACKAGES];
    const { code, err } = await ran("npm", args, {}).catch((error) => ({
      code: 1,
      err: `${error}`,
    }));
    if (code !== 0) {
      return { reason: `npm cannot install ${PACKAGES.join(", ")}: ${err.slice(-400)}` };
    }
    await Deno.writeTextFile(`${DIR}/done`, "");
  }
  const PATH = `${bin}:${Deno.env.get("PATH")}`;
  return { run: (program, args) => ran(`${bin}/${program}`, args, { PATH }) };
}

async function ran(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
