/** The verb `import`: makes a manifest of a workflow of an older Tasker. */

import { TaskerError } from "../core/errors.ts";
import { CommandError } from "./failure.ts";
import { EXIT_DONE, operand, show, UsageError, type Verb } from "./verb.ts";

/** Prints the manifest, so that it goes where the shell says; what has no counterpart goes to stderr. */
export const importVerb: Verb = {
  name: "import",
  operands: ["FILE"],
  options: {},
  summary:
    "Makes a manifest of a workflow of an older Tasker: import old.yaml > workflows/new.yaml",
  isWrite: false,
  async run(context) {
    const path = operand(context, 0);
    const text = await context.file(path);
    if (text === undefined) throw new UsageError(`Cannot import "${path}": there is no such file`);
    // Loaded when it is used: parsing and checking YAML is most of the command line.
    const { importWorkflow } = await import("../registry/import.ts");
    const { manifest, notes } = read(() => importWorkflow(path, text));
    show(context, { manifest, notes }, () => [manifest.trimEnd()]);
    if (context.isJson) return EXIT_DONE;
    const { warn } = context.terminal;
    for (const { at, path: field, kind, detail } of notes) {
      warn(`${path}:${at.line}:${at.column} ${field || "the file"}: ${kind}: ${detail}`);
    }
    const lost = notes.filter(({ kind }) => kind === "lost").length;
    warn(
      `${lost} without a counterpart, ${
        notes.length - lost
      } changed. Each step is now run by the ` +
        "system that owns it, by the handler in its comment: see docs/envelopes.md",
    );
    return EXIT_DONE;
  },
};

function read<T>(importing: () => T): T {
  try {
    return importing();
  } catch (error) {
    if (!(error instanceof TaskerError)) throw error;
    const action = "correct the places named above, then run the command again";
    throw new CommandError(error.message, "nothing was printed", action, error.code);
  }
}
