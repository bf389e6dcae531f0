import { deepEqual, match } from "node:assert/strict";
import { buildWeb } from "./launch_web.ts";
import { readWebState, webFolder } from "./web_files.ts";

/** An app of one line, in the folders that a build reads. */
const SOURCES: Readonly<Record<string, string>> = {
  "web/index.html": '<script type="module" src="/assets/main.js"></script>',
  "web/main.tsx": "document.title = `built ${1 + 1}`;",
  "src/core/a.ts": "",
  "src/operations/a.ts": "",
  "src/client/a.ts": "",
  "src/author/a.ts": "",
  "src/registry/a.ts": "",
  "src/client.ts": "",
  "deno.json": "{}",
};

async function makeSources(root: string): Promise<void> {
  for (const [path, text] of Object.entries(SOURCES)) {
    await Deno.mkdir(`${root}/${path.slice(0, path.lastIndexOf("/") + 1)}`, { recursive: true });
    await Deno.writeTextFile(`${root}/${path}`, text);
  }
}

Deno.test("the app is built into a data folder whose path is relative, as by default", async () => {
  const root = await Deno.makeTempDir();
  // Relative to where the tests run, which is not where the bundle is made.
  const dataDir = `.tasker/test-${crypto.randomUUID()}`;
  try {
    await makeSources(root);
    const lines: string[] = [];
    const built = Promise.withResolvers<void>();
    const onLine = (line: string) => {
      lines.push(line);
      if (!line.endsWith("…")) built.resolve();
    };

    using _building = buildWeb({
      ...{ root, project: root, dataDir, onLine },
      stopping: { isAsked: false },
    });
    await built.promise;

    match(lines.join("\n"), /^building the web app …\nthe web app is built/);
    const state = await readWebState(dataDir);
    const build = state.kind === "ready" ? state.build : "";
    const files = await Array.fromAsync(Deno.readDir(webFolder(dataDir, build)));
    deepEqual(
      files.map(({ name }) => name).sort(),
      ["index.html", "index.html.gz", "main.js", "main.js.gz"],
    );
  } finally {
    await Deno.remove(root, { recursive: true });
    await Deno.remove(dataDir, { recursive: true });
  }
});
