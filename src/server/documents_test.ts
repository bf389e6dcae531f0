import { equal, rejects } from "node:assert/strict";
import type { Edit } from "../core/authoring.ts";
import { openDocuments } from "./documents.ts";

const TEXT =
  "namespace: n\nname: a\nversion: 1.0.0\nworkflow_steps:\n  - name: rest\n    sleep: 1s\n";

/** Edits that each change something. */
function edits(count: number): readonly Edit[] {
  return Array.from({ length: count }, (_, n) => ({
    ...{ kind: "set" as const, step: "rest", field: ["sleep"] },
    value: `${n + 2}s`,
  }));
}

Deno.test("others run after each edit of a request", async () => {
  let turns = 0;
  const soon = (call: () => void) => {
    turns++;
    queueMicrotask(call);
  };
  const documents = openDocuments({ monotonic: () => 0, soon });

  const { text } = await documents.edit({ text: TEXT }, { edits: edits(20) });

  equal(text, TEXT.replace("1s", "21s"));
  equal(turns, 20);
});

Deno.test("edits that take too long are refused, and none is kept", async () => {
  let nowMs = 0;
  const documents = openDocuments({
    monotonic: () => nowMs += 3_000,
    soon: (call) => queueMicrotask(call),
  });

  await rejects(documents.edit({ text: TEXT }, { edits: edits(20) }), {
    code: "document.edit_refused",
    message: /^Cannot make 20 edits at once: after 10 s 4 were made, and none is kept/,
  });
});
