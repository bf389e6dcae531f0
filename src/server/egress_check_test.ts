import { deepEqual } from "node:assert/strict";
import { digest, MemoryDefinitions, withFolder } from "../../tests/support/registry_fixture.ts";
import { openRegistry } from "../registry/load.ts";
import { warnOfRefused } from "./egress_check.ts";

const MANIFEST = `name: calls
namespace: tests
version: 1.0.0
systems:
  stock: { base_url: 'https://stock.b.com/', transport: http, headers: { a: { secret: STOCK } } }
workflow_steps:
  - name: send
    http:
      method: POST
      url: https://mail.a.com/send
      headers: { authorization: { secret: MAIL } }
  - { name: hook, http: { method: POST, url: $.input.url } }
  - { name: ask, owner: stock, event_pattern: stock.ask }
`;

async function warnings(egress: readonly string[], secrets: readonly string[]) {
  const lines: string[] = [];
  await withFolder({ "calls.yaml": MANIFEST }, async (folder) => {
    const registry = await openRegistry({
      folder,
      definitions: new MemoryDefinitions(),
      digest,
      onWarning() {},
    });
    const log = { warn: (text: string) => void lines.push(text) };
    warnOfRefused({ registry, config: { egress, secrets }, log });
  });
  return lines;
}

Deno.test("hosts and secrets that the configuration does not name are named at the start", async () => {
  deepEqual(await warnings([], []), [
    'Step "send" of tests/calls fails: Cannot call "https://mail.a.com": ' +
    "TASKER_EGRESS does not name its host",
    'Step "send" of tests/calls fails: TASKER_SECRETS does not name "MAIL"',
    'Each step of system "stock" fails: Cannot call "https://stock.b.com": ' +
    "TASKER_EGRESS does not name its host",
    'Each step of system "stock" fails: TASKER_SECRETS does not name "STOCK"',
  ]);
});

Deno.test("what the configuration allows is not warned of", async () => {
  deepEqual(await warnings(["*.a.com", "stock.b.com"], ["MAIL", "STOCK"]), []);
});
