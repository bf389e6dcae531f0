/** Discovery: the workflow modules and the manifests of a folder. */

import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { explainDenial } from "../core/denial.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { isWorkflowModule, type Position, type WorkflowModule } from "../core/workflow_module.ts";
import type { Faults } from "./fault.ts";
import { show } from "./field_checks.ts";

/** File names of workflow modules. */
const IS_MODULE = /^[^_].*(?<!_test|\.d)\.ts$/;

/** File names of manifests. */
const IS_MANIFEST = /^[^_.].*\.ya?ml$/;

/** What a folder holds. */
export interface Discovery {
  /** URL of the folder, with a slash at its end. */
  readonly folder: string;
  readonly modules: readonly WorkflowModule[];
  /** URLs of the manifests, whether a module implements them or not. */
  readonly manifests: readonly URL[];
}

/**
 * Imports every `*.ts` of a folder except `_*` and `*_test.ts`, and lists every `*.yaml` and `*.yml`
 * except `_*`, in the order of their names.
 *
 * A module that throws or does not export a workflow is a fault; the others are still imported.
 *
 * @throws {TaskerError} config.invalid when the folder cannot be read
 */
export async function discover(folder: string, faults: Faults): Promise<Discovery> {
  const [url, names] = await listFiles(folder);
  const urlOf = (name: string) => new URL(encodeURIComponent(name), url);
  const modules: WorkflowModule[] = [];
  for (const name of names.filter((one) => IS_MODULE.test(one))) {
    const loaded = await importModule(urlOf(name).href, name, faults);
    // Deno repeats this failure for every later import, whatever that imports.
    if (loaded === "not_locked") break;
    modules.push(...loaded);
  }
  const manifests = names.filter((name) => IS_MANIFEST.test(name)).map(urlOf);
  return { folder: url, modules, manifests };
}

async function listFiles(folder: string): Promise<[url: string, names: readonly string[]]> {
  try {
    const path = await Deno.realPath(folder);
    const names: string[] = [];
    for await (const entry of Deno.readDir(path)) {
      const isWanted = IS_MODULE.test(entry.name) || IS_MANIFEST.test(entry.name);
      if (!entry.isDirectory && isWanted) names.push(entry.name);
    }
    return [`${pathToFileURL(path).href}/`, names.sort()];
  } catch (cause) {
    throw new TaskerError(
      "config.invalid",
      `Cannot read workflows from "${folder}": ${messageOf(cause)}`,
      { cause },
    );
  }
}

async function importModule(
  url: string,
  name: string,
  faults: Faults,
): Promise<readonly WorkflowModule[] | "not_locked"> {
  let exported: unknown;
  try {
    exported = (await import(url)).default;
  } catch (thrown) {
    const text = stripVTControlCharacters(messageOf(thrown));
    const { code, detail } = whyNotImported(text.replace(PLACE, ""));
    faults.add({ path: name, at: () => thrownAt(url, thrown, text) }, code, detail);
    return code === "not_locked" ? code : [];
  }
  const workflows = [exported].flat();
  const stray = workflows.find((one) => !isWorkflowModule(one));
  if (workflows.length === 0 || stray !== undefined || exported === undefined) {
    faults.add(
      { path: name, at: () => start(url) },
      "no_workflow",
      `default-exports ${what(exported)}, expected \`workflow(…)\`, \`implement(…)\` or a list ` +
        "of them; the name of any other file begins with `_`",
    );
  }
  return workflows.filter(isWorkflowModule);
}

/** The messages of Deno name flags that the author of a workflow does not set. */
function whyNotImported(plain: string): { code: string; detail: string } {
  if (plain.startsWith("The lockfile is out of date")) {
    const packages = [...plain.matchAll(/\+\s+"((?:npm|jsr):[^"]+?)(?:@\*)?":/g)].map(([, one]) =>
      one
    );
    const add = packages.length === 0 ? "npm:NAME" : packages.join(" ");
    const names = add.replace(/(?:npm|jsr):(\S[^\s@]*)\S*/g, '"$1"');
    return {
      code: "not_locked",
      detail: `imports a package that deno.lock does not have: run \`deno add ${add}\` in the ` +
        `project's folder, import it as ${names}, then start again; the modules after this one ` +
        "were not loaded",
    };
  }
  const [, remote] = /remote specifier was requested: "([^"]+)"/.exec(plain) ?? [];
  if (remote === undefined) return { code: "module_threw", detail: explainDenial(plain) };
  const detail = `imports "${remote}", but the server loads no module from the network: ` +
    "use an npm package (`deno add npm:NAME`), or copy the module beside the workflow";
  return { code: "remote_import", detail };
}

function what(exported: unknown): string {
  if (exported === undefined) return "nothing";
  return typeof exported === "function" ? "a function" : show(exported);
}

/** Where Deno could not import something: the last line of its message, at times twice. */
const PLACE = /(?:\n *at file:\S+:\d+:\d+)+\s*$/;

/** The last place in the module that the error's text or stack names, or the module's start. */
function thrownAt(url: string, thrown: unknown, text: string): Position {
  const stack = `${text}\n${thrown instanceof Error ? thrown.stack ?? "" : ""}`;
  const from = stack.indexOf(`${url}:`);
  const parts = from < 0 ? null : /^:(\d+):(\d+)/.exec(stack.slice(from + url.length));
  if (parts === null) return start(url);
  return { file: url, line: Number(parts[1]), column: Number(parts[2]) };
}

function start(file: string): Position {
  return { file, line: 1, column: 1 };
}
