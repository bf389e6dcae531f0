import { deepEqual, equal, match } from "node:assert/strict";
import type { Directory } from "../core/authoring.ts";
import { fakeApi } from "../../tests/support/fake_api.ts";

const TEXT = "name: x\nversion: 1.0.0\nworkflow_steps:\n  - { name: a, sleep: 1s } # short\n";

Deno.test("a document is checked as it is sent, and nothing of it is stored", async () => {
  const { json } = fakeApi();

  deepEqual(await json("POST /v1/documents/check", { body: { text: TEXT } }), { problems: [] });
  deepEqual(await json("POST /v1/documents/check", { body: { text: "a: [", file: "b.yaml" } }), {
    problems: [{
      code: "W01",
      name: "unreadable",
      severity: "error",
      path: [],
      at: { file: "b.yaml", line: 1, column: 5 },
      text: "Flow sequence in block collection must be sufficiently indented and end with a ]",
    }],
  });
});

Deno.test("edits of a document answer its text, in which nothing else is changed", async () => {
  const { json } = fakeApi();
  const edits = [{ kind: "set", step: "a", field: ["sleep"], value: "2s" }];

  const edited = await json("POST /v1/documents/edit", { body: { text: TEXT, edits } });

  deepEqual(edited, { text: TEXT.replace("1s", "2s"), problems: [] });
});

Deno.test("an edit that cannot be made, or of what cannot be read, says why", async () => {
  const { json } = fakeApi();
  const edits = [{ kind: "remove_step", name: "b" }];

  const refused = await json("POST /v1/documents/edit", { body: { text: TEXT, edits } });
  const unreadable = await json("POST /v1/documents/edit", { body: { text: "a: [", edits } });

  equal(refused.code, "document.edit_refused");
  match(String(refused.detail), /there is no step "b"/);
  equal(unreadable.code, "definition.invalid");
});

Deno.test("the directory has the systems and the capabilities that the key may see", async () => {
  const { json, key } = fakeApi();

  const whole = await json<Directory>("GET /v1/documents/directory");
  const narrow = await json<Directory>("GET /v1/documents/directory", {
    key: key(["read"], ["another"]),
  });

  deepEqual(whole.systems.find(({ name }) => name === "inventory"), {
    name: "inventory",
    capabilities: [],
  });
  deepEqual(narrow, { systems: [] });
});

Deno.test("a host that may not be called is a problem of a document, where hosts are known", async () => {
  const text = `${TEXT}  - { name: b, http: { method: GET, url: "https://mail.example/x" } }\n`;
  const codes = async (hosts?: readonly string[]) => {
    const { json } = fakeApi({ hosts });
    const { problems } = await json<{ problems: readonly { code: string }[] }>(
      "POST /v1/documents/check",
      { body: { text } },
    );
    return problems.map(({ code }) => code).filter((code) => code === "W42");
  };

  deepEqual(await codes([]), ["W42"]);
  deepEqual(await codes(["mail.example"]), []);
  deepEqual(await codes(), []);
});

Deno.test("the directory has what is registered, not what a manifest expects under the same name", async () => {
  const [system] = fakeApi().deps.systems();
  const instance = {
    system: "stock",
    instance: "one",
    version: "1.0.0",
    state: "healthy",
    namespaces: [],
  } as const;
  const output = { type: "object" };
  const instances = [
    {
      ...instance,
      isDeclared: true,
      capabilities: [{ name: "stock.check" }, { name: "stock.reserve" }],
    },
    {
      ...instance,
      isDeclared: false,
      capabilities: [{ name: "stock.check", version: "1.2.0", output }],
    },
  ];
  const systems = () => system === undefined ? [] : [{ ...system, instances }];
  const { json } = fakeApi({ systems });

  const { systems: [found] } = await json<Directory>("GET /v1/documents/directory");

  deepEqual(found?.capabilities, [
    { name: "stock.check", version: "1.2.0", output },
    { name: "stock.reserve" },
  ]);
});
