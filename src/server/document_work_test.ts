import { deepEqual, rejects } from "node:assert/strict";
import { openDocumentWork, type Perform } from "./document_work.ts";
import { openRuntime } from "./runtime.ts";

/** Work that ends when it is asked to, one piece after the other; `text` names it. */
function scene() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const perform = (async (kind: string, asked: { of?: { text: string }; text?: string }) => {
    begun.push(`${kind} ${asked.of?.text ?? asked.text}`);
    await new Promise<void>((resolve) => ends.push(resolve));
    return [];
  }) as unknown as Perform;
  const endAll = async () => {
    for (let end = ends.shift(); end !== undefined; end = ends.shift()) {
      end();
      await new Promise((wake) => setTimeout(wake));
    }
  };
  return { ...openDocumentWork(perform, { runtime: openRuntime() }), begun, endAll };
}

Deno.test("checks are done in turns between keys, and wait for no rehearsal", async () => {
  const { documents, rehearser, begun, endAll } = scene();
  const check = (by: string, text: string) => documents.check({ text, by });

  const all = [
    rehearser.rehearse({ text: "slow", by: "one" }),
    ...["1", "2", "3"].map((text) => check("one", text)),
    documents.edit({ text: "4", by: "other" }, { edits: [] }),
    rehearser.rehearse({ text: "slower", by: "other" }),
  ];
  await new Promise((wake) => setTimeout(wake));
  deepEqual(begun, ["rehearse slow", "check 1"]);
  await endAll();
  await Promise.all(all);

  deepEqual(begun.slice(2).toSorted(), ["check 2", "check 3", "edit 4", "rehearse slower"]);
  deepEqual(begun.filter((one) => !one.startsWith("rehearse")), [
    ...["check 1", "check 2", "edit 4", "check 3"],
  ]);
});

Deno.test("one key may not have more waiting than its share, and others still may", async () => {
  const { documents, rehearser, endAll } = scene();
  const half = "x".repeat(2.1 * 1024 * 1024);
  const check = (by: string) => documents.check({ text: half, by });

  const taken = [check("one"), check("one")];
  await rejects(check("one"), { code: "api.busy" });
  taken.push(check("other"));
  const rehearsals = Array.from({ length: 9 }, () => rehearser.rehearse({ text: "", by: "one" }));
  await rejects(rehearser.rehearse({ text: "", by: "one" }), { code: "api.busy" });

  await endAll();
  await Promise.all([...taken, ...rehearsals]);
});
