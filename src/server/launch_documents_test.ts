import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { cp } from "node:fs/promises";
import { makeDataDir } from "../../tests/support/data_dir.ts";
import { performAt } from "./document_wire.ts";
import { startDocuments } from "./launch_documents.ts";
import { startBeside } from "./launch_process.ts";
import { openRuntime } from "./runtime.ts";

const ENV = Deno.env.toObject();
const ROOT = decodeURIComponent(new URL("../..", import.meta.url).pathname).replace(/\/$/, "");

Deno.test("the process that works on documents checks, edits and rehearses them", async () => {
  using documents = await startDocuments({
    ...{ env: ENV, root: ROOT, project: ROOT },
    onLine: console.error,
  });
  const ask = performAt(documents.url, openRuntime());
  const text =
    "namespace: n\nname: a\nversion: 1.0.0\nworkflow_steps: [{ name: rest, sleep: 1s }]\n";

  deepEqual(await ask("check", { of: { text }, directory: undefined }), []);
  const module = await ask("edit", { of: { text }, how: { edits: [], as: "module" } });
  const rehearsal = await ask("rehearse", { text });

  match(module.text, /export default/);
  equal(rehearsal.isOk, true);
  await rejects(
    ask("suggest", {
      ...{ of: { text: "name: [" }, follows: [] },
      from: { directory: { systems: [] }, limit: 1 },
    }),
    { code: "definition.invalid" },
  );
});

Deno.test("a process whose code was replaced before it was loaded starts again", async () => {
  const root = makeDataDir("documents");
  const filter = (path: string) => !path.endsWith("/target");
  for (const folder of ["src", "actors", "ffi"]) {
    await cp(`${ROOT}/${folder}`, `${root}/${folder}`, { recursive: true, filter });
  }
  const lines: string[] = [];
  using documents = await startDocuments({
    ...{ env: ENV, root, project: ROOT },
    onLine: (line) => void lines.push(line),
  });
  const ask = performAt(documents.url, openRuntime());
  const asked = { of: { text: "name: [" }, directory: undefined };
  await Deno.writeTextFile(`${root}/src/author/problems.ts`, "// other\n", { append: true });

  await rejects(ask("check", asked), { code: "api.busy", message: /was replaced/ });
  const [problem] = await ask("check", asked);

  equal(problem?.code, "W01");
  deepEqual(lines, ["the process that works on documents has ended: it starts again"]);
  await Deno.remove(root, { recursive: true });
});

Deno.test("a process that stands still is ended, and starts again where it was", async () => {
  const lines: string[] = [];
  const starts: string[] = [];
  const again = Promise.withResolvers<void>();
  const loops = `console.log(1); for (;;);`;
  const serves = `console.log(1); for await (const _ of Deno.stdin.readable);`;

  using beside = await startBeside({
    name: "it",
    spawn(url) {
      starts.push(url);
      if (starts.length === 2) again.resolve();
      return new Deno.Command(Deno.execPath(), {
        args: ["eval", starts.length === 1 ? loops : serves],
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
    },
    silentMsMax: 1_000,
    onLine: (line) => void lines.push(line),
  });
  await again.promise;

  deepEqual(starts, [beside.url, beside.url]);
  deepEqual(lines, ["it has stood still for 1 s, and is ended", "it has ended: it starts again"]);
});
