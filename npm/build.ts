/**
 * Builds the npm package in `target/package` and packs it: `deno task package`.
 *
 * The package is the engine as it lies here, in TypeScript for Deno, and in `dist` what Node runs:
 * the client with its types, and the program that writes projects.
 */

import ts from "typescript";
import CONFIG from "../deno.json" with { type: "json" };
import { copyEngine } from "./new_project.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);
const STAGING = `${ROOT}target/package`;
const PACKAGE = `${STAGING}/tasker`;

/** Modules of the program that writes projects. */
const PROGRAM: readonly string[] = ["npm/new_project.ts", "src/cli/new.ts"];

const COMPILER: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  rewriteRelativeImportExtensions: true,
  verbatimModuleSyntax: true,
};

const BIN = `#!/usr/bin/env node
import { fileURLToPath } from "node:url";
import { main } from "./dist/npm/new_project.js";

process.exitCode = await main(process.argv.slice(2), fileURLToPath(new URL(".", import.meta.url)));
`;

/** Builds the package. Returns the path of the tarball. */
export async function buildPackage(): Promise<string> {
  await Deno.remove(PACKAGE, { recursive: true }).catch(() => {});
  await Deno.mkdir(PACKAGE, { recursive: true });
  await copyEngine(ROOT, PACKAGE);
  for (const name of ["deno.json", "deno.lock", "README.md"]) {
    await Deno.copyFile(`${ROOT}${name}`, `${PACKAGE}/${name}`);
  }
  await installPackages();
  compileClient();
  for (const path of PROGRAM) await transpile(path);
  await Deno.writeTextFile(`${PACKAGE}/bin.js`, BIN);
  await Deno.writeTextFile(`${PACKAGE}/package.json`, JSON.stringify(await manifest(), null, 2));
  const packed = await run("npm", ["pack", "--silent", "--pack-destination", STAGING], PACKAGE);
  return `${STAGING}/${packed.trim()}`;
}

/** Puts the packages of deno.json where TypeScript looks for their types: above the package. */
async function installPackages(): Promise<void> {
  const config = { nodeModulesDir: "auto", lock: false, imports: npmImports() };
  await Deno.writeTextFile(`${STAGING}/deno.json`, JSON.stringify(config));
  await run(Deno.execPath(), ["install", "--quiet"], STAGING);
}

function npmImports(): Record<string, string> {
  const imports = Object.entries(CONFIG.imports);
  return Object.fromEntries(imports.filter(([, to]) => to.startsWith("npm:")));
}

/** Compiles the client and all that it imports, with declarations. */
function compileClient(): void {
  const program = ts.createProgram([`${PACKAGE}/src/client.ts`], {
    ...COMPILER,
    ...CONFIG.compilerOptions,
    lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable"].map((name) => `lib.${name}.d.ts`),
    types: [],
    declaration: true,
    rootDir: PACKAGE,
    outDir: `${PACKAGE}/dist`,
  });
  const { diagnostics } = program.emit();
  const faults = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (faults.length === 0) return;
  throw new Error(ts.formatDiagnostics(faults, {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => PACKAGE,
    getNewLine: () => "\n",
  }));
}

/** Compiles one module, whose types are checked here by Deno. */
async function transpile(path: string): Promise<void> {
  const code = await Deno.readTextFile(`${ROOT}${path}`);
  const { outputText } = ts.transpileModule(code, { compilerOptions: COMPILER, fileName: path });
  const to = `${PACKAGE}/dist/${path.replace(/\.ts$/, ".js")}`;
  await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(to, outputText);
}

async function manifest(): Promise<unknown> {
  return {
    name: "tasker",
    version: CONFIG.version,
    description:
      "Durable workflows on Deno: new-project writes one; tasker/client runs in Node too",
    license: "MIT",
    type: "module",
    engines: { node: ">=20" },
    bin: { tasker: "bin.js" },
    exports: {
      "./client": { types: "./dist/src/client.d.ts", default: "./dist/src/client.js" },
    },
    dependencies: await dependencies(),
  };
}

/** The packages that the compiled modules and their types import, as they are pinned here. */
async function dependencies(): Promise<Record<string, string>> {
  const imports = npmImports();
  const found: Record<string, string> = {};
  for await (const path of walk(`${PACKAGE}/dist`)) {
    const text = await Deno.readTextFile(path);
    for (
      const [, name = ""] of text.matchAll(/^(?:import|export) .*from "((?:@[\w-]+\/)?[\w-]+)/gm)
    ) {
      const version = imports[name]?.replace(/^npm:.*@/, "");
      if (version !== undefined) found[name] = version;
    }
  }
  return found;
}

async function* walk(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* walk(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

/** Runs a program. Returns what it printed. */
async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd })
    .output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) console.log(await buildPackage());
