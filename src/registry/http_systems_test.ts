import { deepEqual, equal } from "node:assert/strict";
import {
  digest,
  faultsOf,
  MemoryDefinitions,
  withFolder,
} from "../../tests/support/registry_fixture.ts";
import { openRegistry } from "./load.ts";

function manifest(name: string, version: string, systems: string): string {
  return `name: ${name}
namespace: tests
version: ${version}
systems:
  ${systems}
workflow_steps:
  - name: ask
    owner: stock
    event_pattern: stock.ask
`;
}

const HTTP = "stock: { base_url: 'https://stock.test/tasker', transport: http, " +
  "headers: { authorization: { secret: STOCK_TOKEN, prefix: 'Bearer ' }, x-from: tasker } }";

async function open(folder: string) {
  return await openRegistry({
    folder,
    definitions: new MemoryDefinitions(),
    digest,
    onWarning: () => {},
  });
}

Deno.test("only a system whose manifest says so is called by HTTP, as the highest version says", async () => {
  const files = {
    "a.yaml": manifest("a", "1.0.0", "stock: { base_url: 'https://old.test', transport: http }"),
    "b.yaml": manifest("a", "1.1.0", HTTP),
    "c.yaml": manifest("c", "1.0.0", "stock: { base_url: 'https://elsewhere.test' }"),
  };
  await withFolder(files, async (folder) => {
    const { httpSystems } = await open(folder);

    deepEqual(httpSystems, [{
      name: "stock",
      url: "https://stock.test/tasker",
      headers: {
        authorization: { secret: "STOCK_TOKEN", prefix: "Bearer " },
        "x-from": "tasker",
      },
    }]);
  });
});

Deno.test("two workflows that call the same system in different ways are refused", async () => {
  const files = {
    "a.yaml": manifest("a", "1.0.0", HTTP),
    "b.yaml": manifest("b", "1.0.0", "stock: { base_url: 'https://b.test', transport: http }"),
  };
  await withFolder(files, async (folder) => {
    const faults = await faultsOf(() => open(folder));

    equal(faults.length, 1);
    equal(/systems\.stock system_differs$/.test(faults[0] ?? ""), true, faults[0]);
  });
});
