import { deepEqual, equal, ok } from "node:assert/strict";
import { openTestEngine } from "tasker/testing";
import { findVerb, readArguments } from "../src/cli/verb.ts";
import { VERBS } from "../src/cli/verbs.ts";
import { openDocuments } from "../src/server/documents.ts";
import { openRehearser } from "../src/server/rehearser.ts";
import { openRuntime } from "../src/server/runtime.ts";

const ROOT = new URL("../", import.meta.url);
const PAGE = await Deno.readTextFile(new URL("docs/agents.md", ROOT));
const MANIFEST = /^```yaml\n([^]*?)^```$/m.exec(PAGE)?.[1] ?? "";

/** The words of a command, as a shell divides them. */
function wordsOf(line: string): string[] {
  const typed = line.replace(/\s+#.*$/, "");
  return [...typed.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)]
    .map(([, single, double, plain]) => single ?? double ?? plain ?? "");
}

Deno.test("each command of the page for agents can be typed as it stands there", () => {
  const lines = PAGE.split("\n").filter((line) => line.startsWith("deno task tasker "));

  ok(lines.length >= 10);
  for (const line of lines) {
    const { verb, rest } = findVerb(VERBS, wordsOf(line).slice(3));
    readArguments(verb, rest);
  }
});

Deno.test("the manifest of the page for agents has no problem, and its rehearsal none", async () => {
  const problems = await openDocuments(openRuntime()).check({ text: MANIFEST });
  const rehearsal = await openRehearser(openRuntime()).rehearse({ text: MANIFEST });

  deepEqual(problems.filter(({ severity }) => severity === "error"), []);
  ok(rehearsal.isOk);
  deepEqual(rehearsal.problems, []);
  deepEqual(
    rehearsal.runs.map(({ fails, end, handledBy }) => [fails, end, handledBy]),
    [
      [undefined, "completed", []],
      ["charge", "failed", ["report"]],
      ["approve", "failed", ["report"]],
      ["send", "failed", ["report"]],
    ],
  );
});

Deno.test("the test of the page for agents passes for its manifest", async () => {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, MANIFEST);
    await using engine = await openTestEngine([new URL(`file://${file}`)], {
      systems: {
        "card.charge": () => ({ payment: "p-1" }),
        "mail.send": (call) => call.fail({ error_code: "bounced", error_message: "No address" }),
        "support.report": () => ({}),
      },
    });
    const task = await engine.start("shop/receipt", { order: "o-1" });
    await task.signal("approve", { ok: true });

    equal(await task.end(), "failed");
    equal(task.step("report").state, "completed");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("each page that llms.txt names is there", async () => {
  const text = await Deno.readTextFile(new URL("llms.txt", ROOT));
  const pages = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, path = ""]) => path);

  ok(pages.length >= 8);
  for (const path of pages) ok((await Deno.stat(new URL(path, ROOT))).isFile, path);
});
