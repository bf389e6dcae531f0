import { deepEqual } from "node:assert/strict";
import type { WrittenAlternative } from "../core/alternative.ts";
import { alternativesOf } from "./alternatives.ts";
import type { Draft } from "./draft.ts";
import { Faults } from "./fault.ts";

function read(kind: Draft["kind"], alternatives: readonly WrittenAlternative[]) {
  const faults = new Faults();
  const place: Draft["place"] = (field = "") => ({ path: field, at: () => undefined });
  const read = alternativesOf({ kind, alternatives, place } as Draft, faults);
  try {
    faults.demandNone("the step");
    return read;
  } catch (error) {
    return (error as { faults: readonly { path: string }[] }).faults.map(({ path }) => path);
  }
}

Deno.test("a step that goes to a system may have others, other capabilities, and manual ones", () => {
  deepEqual(
    read("remote", [
      { name: "backup", system: "second" },
      { name: "invoice", capability: "invoice.send@^1" },
      { name: "phone", manual: "Call the customer" },
    ]),
    [
      { name: "backup", system: "second" },
      { name: "invoice", capability: { name: "invoice.send", range: "^1" } },
      { name: "phone", manual: "Call the customer" },
    ],
  );
});

Deno.test("what could not be chosen is refused at load", () => {
  const wrong: readonly (readonly [Draft["kind"], readonly WrittenAlternative[]])[] = [
    ["remote", [{ name: "retry", system: "second" }]],
    ["remote", [{ name: "empty" }]],
    ["remote", [{ name: "both", system: "second", manual: "Call" }]],
    ["remote", [{ name: "odd", capability: "no capability" }]],
    ["local", [{ name: "backup", system: "second" }]],
    ["sleep", [{ name: "wake", manual: "Ring the bell" }]],
  ];

  for (const [kind, alternatives] of wrong) {
    deepEqual(read(kind, alternatives), ["alternatives[0]"], alternatives[0]?.name);
  }
  deepEqual(read("remote", [{ name: "a", system: "b" }, { name: "a", system: "c" }]), [
    "alternatives[1]",
  ]);
});
