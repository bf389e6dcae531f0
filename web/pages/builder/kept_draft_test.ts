/// <reference lib="deno.ns" />

import { equal } from "node:assert/strict";
import { mergedText } from "./kept_draft.ts";

const BASE = `name: order
version: 1.0.0
workflow_steps:
  - name: check   # first
    sleep: 1s

  - name: pay
    depends_on: check
    sleep: 2s

  - name: ship
    depends_on: pay
    sleep: 3s
`;

const base = { text: BASE, version: "1.0.0" };

Deno.test("mergedText() makes a draft's changes in a newer text, whose version stays", () => {
  const draft = BASE.replace("1.0.0", "1.1.0").replace("sleep: 1s", "sleep: 9s");
  const newer = BASE.replace("1.0.0", "1.2.0").replace("sleep: 3s", "sleep: 8s # slower");

  equal(mergedText(base, draft, newer), newer.replace("sleep: 1s", "sleep: 9s"));
});

Deno.test("mergedText() refuses when both change the same lines", () => {
  const draft = BASE.replace("sleep: 2s", "sleep: 5s");
  const newer = BASE.replace("1.0.0", "1.1.0").replace("sleep: 2s", "sleep: 7s");

  equal(mergedText(base, draft, newer), undefined);
});

Deno.test("mergedText() refuses a draft that cannot be read", () => {
  equal(mergedText(base, `${BASE}  - [`, BASE.replace("1.0.0", "1.1.0")), undefined);
});
