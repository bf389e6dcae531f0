/** Discovery: the workflow modules of a folder. */

import { pathToFileURL } from "node:url";
import { messageOf, TaskerError } from "../core/errors.ts";
import { isWorkflowModule, type Position, type WorkflowModule } from "../core/recording.ts";
import type { Faults } from "./fault.ts";
import { show } from "./name.ts";

/** Beginnings and ends of file names that are no workflow modules. */
const IS_MODULE = /^[^_].*(?<!_test|\.d)\.ts$/;

/** What a folder holds. */
export interface Discovery {
  /** URL of the folder, with a slash at its end. */
  readonly folder: string;
  readonly modules: readonly WorkflowModule[];
}

/**
 * Imports every `*.ts` of a folder except `_*` and `*_test.ts`, in the order of their names.
 *
 * A module that throws, or exports no workflow, is a fault; the others are imported all the same.
 *
 * @throws {TaskerError} config.invalid when the folder cannot be read
 */
export async function discover(folder: string, faults: Faults): Promise<Discovery> {
  const [url, names] = await listModules(folder);
  const modules: WorkflowModule[] = [];
  for (const name of names) {
    modules.push(...await importModule(new URL(encodeURIComponent(name), url).href, name, faults));
  }
  return { folder: url, modules };
}

async function listModules(folder: string): Promise<[url: string, names: readonly string[]]> {
  try {
    const path = await Deno.realPath(folder);
    const names: string[] = [];
    for await (const entry of Deno.readDir(path)) {
      if (!entry.isDirectory && IS_MODULE.test(entry.name)) names.push(entry.name);
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
): Promise<readonly WorkflowModule[]> {
  let exported: unknown;
  try {
    exported = (await import(url)).default;
  } catch (thrown) {
    faults.add({ path: name, at: () => thrownAt(url, thrown) }, "module_threw", messageOf(thrown));
    return [];
  }
  const workflows = [exported].flat();
  const stray = workflows.find((one) => !isWorkflowModule(one));
  if (workflows.length === 0 || stray !== undefined || exported === undefined) {
    faults.add(
      { path: name, at: () => start(url) },
      "no_workflow",
      `default-exports ${what(exported)}, expected \`workflow(…)\`, \`implement(…)\` or a list ` +
        "of them; a file that is none begins with `_`",
    );
  }
  return workflows.filter(isWorkflowModule);
}

function what(exported: unknown): string {
  if (exported === undefined) return "nothing";
  return typeof exported === "function" ? "a function" : show(exported);
}

/** The last place in the module that the error passed, or the module's start. */
function thrownAt(url: string, thrown: unknown): Position {
  const stack = thrown instanceof Error ? thrown.stack ?? "" : "";
  const from = stack.indexOf(`${url}:`);
  const parts = from < 0 ? null : /^:(\d+):(\d+)/.exec(stack.slice(from + url.length));
  if (parts === null) return start(url);
  return { file: url, line: Number(parts[1]), column: Number(parts[2]) };
}

function start(file: string): Position {
  return { file, line: 1, column: 1 };
}
