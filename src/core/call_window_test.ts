import assert from "node:assert/strict";
import { CallWindow, WINDOW_MS } from "./call_window.ts";
import { hash32 } from "./ids.ts";

Deno.test("a call window counts what came in its ten seconds, whatever the gaps", () => {
  for (let seed = 0; seed < 20; seed++) {
    const window = new CallWindow();
    const seen: { kind: "answered" | "failed"; second: number }[] = [];
    let nowMs = 0;
    for (let round = 0; round < 300; round++) {
      const drawn = hash32(`${seed}/${round}`);
      nowMs += drawn % (round % 50 === 0 ? 3 * WINDOW_MS : 700);
      const kind = drawn % 3 === 0 ? "failed" : "answered";
      window.add(kind, nowMs);
      seen.push({ kind, second: Math.floor(nowMs / 1_000) });

      const sums = window.sums(nowMs);

      const recent = seen.filter(({ second }) => second > Math.floor(nowMs / 1_000) - 10);
      const of = (kind: string) => recent.filter((one) => one.kind === kind).length;
      assert.deepEqual([sums.answered, sums.failed], [of("answered"), of("failed")], `${seed}`);
    }
  }
});
