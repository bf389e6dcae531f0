import { deepEqual, equal, match } from "node:assert/strict";
import { schemaPath, stepSchemaId, workflowSchemaId } from "../core/schema_id.ts";
import type { InstanceRow } from "../core/ports.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import type { Definition } from "../core/workflow.ts";
import type { ApiDeps } from "./deps.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";

const DRAFT = "https://json-schema.org/draft/2020-12/schema";

/** A workflow of namespace "orders" with one remote step. */
const SHOP: Definition = definitionOf([{
  name: "reserve",
  kind: "remote",
  owner: "stock",
  event: "stock.reserve",
  contract: { input: { $schema: DRAFT, type: "object" }, success: { $schema: DRAFT } },
}], {
  namespace: "orders",
  name: "shop",
  version: "2.0.0+a",
  input: { $schema: DRAFT, type: "array" },
});

function apiWith(definitions: readonly Definition[], more: Partial<ApiDeps> = {}): FakeApi {
  const stored = definitions.map((definition) => ({ hash: definition.version, definition }));
  const { deps } = fakeApi();
  return fakeApi({
    definitions: { ...deps.definitions, list: () => Promise.resolve(stored) },
    ...more,
  });
}

Deno.test("the schema of an id is found below /schemas, and names the id as its own", async () => {
  const { json } = apiWith([{ ...SHOP, version: "1.0.0", steps: [] }, SHOP]);
  const input = stepSchemaId(SHOP, "reserve", "input");
  const whole = workflowSchemaId(SHOP, "input");

  deepEqual(await json(`GET ${schemaPath(input)}`), { $schema: DRAFT, type: "object", $id: input });
  deepEqual(await json(`GET ${schemaPath(whole)}`), { $schema: DRAFT, type: "array", $id: whole });
});

Deno.test("the schema of an open contract accepts anything", async () => {
  const { json } = apiWith([SHOP]);
  const id = stepSchemaId(SHOP, "reserve", "error");

  deepEqual(await json(`GET ${schemaPath(id)}`), { $schema: DRAFT, $id: id });
});

Deno.test("a schema of an unknown version or step is not found", async () => {
  const { ask } = apiWith([SHOP]);

  for (const path of ["1.0.0/input", "1.0.0/reserve/input", "2.0.0+a/ship/input"]) {
    equal((await ask(`GET /schemas/workflows/orders/shop/${path}`)).status, 404, path);
  }
});

Deno.test("to a key of other namespaces, a schema does not exist", async () => {
  const fake = apiWith([SHOP]);
  const key = fake.key(["read"], ["billing"]);

  const response = await fake.ask(`GET ${schemaPath(workflowSchemaId(SHOP, "input"))}`, { key });

  equal(response.status, 404);
});

Deno.test("GET /v1/types writes what a system is asked for in the namespaces of the key", async () => {
  const fake = apiWith([SHOP, { ...SHOP, namespace: "billing", name: "bill" }]);
  const key = fake.key(["read"], ["orders"]);

  const response = await fake.ask("GET /v1/types?lang=go&system=stock", { key });
  const text = await response.text();

  equal(response.headers.get("content-type"), "text/plain");
  equal(text.match(/of orders\/shop/g)?.length, 1);
  equal(text.includes("billing"), false);
});

Deno.test("GET /v1/types of a system that nobody asks for anything names a near one", async () => {
  const fake = apiWith([SHOP]);

  const problem = await fake.json("GET /v1/types?lang=py&system=stok");
  const hidden = await fake.json("GET /v1/types?lang=py&system=stok", {
    key: fake.key(["read"], ["billing"]),
  });

  deepEqual([problem.code, hidden.code], ["definition.unknown", "definition.unknown"]);
  equal(String(problem.detail).endsWith('did you mean "stock"?'), true);
  equal(String(hidden.detail).includes("did you mean"), false);
});

Deno.test("a system that offers what steps ask for by capability alone is described with them", async () => {
  const capability = { name: "parcel.send", range: "^2.0.0" };
  const send = definitionOf([{
    name: "send",
    kind: "remote",
    owner: ANY_SYSTEM,
    event: "parcel.send",
    capability,
  }], { namespace: "orders", name: "send", version: "1.0.0" });
  const ofVersion = (version: string, namespaces = ["orders"]): InstanceRow => ({
    system: "couriers",
    instance: "a",
    version: "1.0.0",
    state: "healthy",
    detail: "",
    sinceMs: 0,
    expiresAtMs: 1,
    isDeclared: false,
    namespaces,
    capabilities: [{ name: "parcel.send", version }],
  });
  let registered: readonly InstanceRow[] = [];
  const fake = apiWith([SHOP, send], { instancesOf: () => Promise.resolve(registered) });
  const types = "GET /v1/types?lang=go&system=couriers";

  for (const others of [[], [ofVersion("1.0.0")], [ofVersion("2.1.0", ["billing"])]]) {
    registered = others;
    const { code, detail } = await fake.json(types);
    equal(code, "definition.unknown");
    match(String(detail), /until then they are in the types of all systems/);
  }
  registered = [ofVersion("2.1.0")];
  const text = await (await fake.ask(types)).text();
  const ofAll = await (await fake.ask("GET /v1/types?lang=go")).text();
  type Document = Readonly<Record<"channels" | "operations", Record<string, unknown>>>;
  const document = await fake.json<Document>("GET /asyncapi.json?system=couriers");

  match(text, /System "couriers" is asked for "parcel\.send" by/);
  equal(text.includes("stock"), false);
  match(ofAll, /Any system that offers "parcel\.send@\^2\.0\.0" is asked for "parcel\.send" by/);
  equal("couriers.sendParcelSend" in document.operations, true);
  equal(Object.keys(document.channels).every((name) => name.startsWith("couriers.")), true);
});

Deno.test("GET /asyncapi.json shows the systems of the key's namespaces, and no others", async () => {
  const bill = { ...SHOP, namespace: "billing", name: "bill" };
  const other = { ...bill, steps: bill.steps.map((step) => ({ ...step, owner: "ledger" })) };
  const fake = apiWith([SHOP, other]);
  type Document = { channels: Record<string, unknown> };
  const channelsOf = async (path: string, key: string) =>
    Object.keys((await fake.json<Document>(`GET /asyncapi.json${path}`, { key })).channels);
  const [orders, all] = [fake.key(["read"], ["orders"]), fake.key(["read"])];

  deepEqual(await channelsOf("", orders), ["stock.commands", "stock.requests", "stock.replies"]);
  equal((await channelsOf("", all)).length, 6);
  equal((await channelsOf("?system=ledger", all)).length, 3);
  equal((await fake.ask("GET /asyncapi.json?system=ledger", { key: orders })).status, 404);
});

Deno.test("schemas of envelopes are shown without a key", async () => {
  const schema = await apiWith([]).json("GET /schemas/envelopes/StepFailed", { key: "" });

  equal(schema.$id, "urn:tasker:schema:envelopes/StepFailed");
});

Deno.test("comparing versions says what the later one breaks, with an example", async () => {
  const input = { type: "array", minItems: 1 };
  const fake = apiWith([SHOP, { ...SHOP, version: "3.0.0", input }]);

  const path = "/v1/workflows/orders/shop/compare";
  const found = await fake.json(`GET ${path}?from=2.0.0%2Ba&to=3.0.0`);

  deepEqual(found, {
    breaks: [{
      verdict: "breaks",
      path: "input",
      detail: "needs at least 1 items",
      affected: "who starts orders/shop",
      example: [],
    }],
  });
  equal((await fake.ask(`GET ${path}?from=1.0.0&to=3.0.0`)).status, 404);
});
