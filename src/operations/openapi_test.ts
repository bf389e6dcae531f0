import { deepEqual, equal, ok } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";

type Json = Record<string, unknown>;

function refsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === "$ref" ? [String(inner)] : refsIn(inner)
  );
}

function resolve(document: unknown, ref: string): unknown {
  return ref.slice(2).split("/").reduce<unknown>(
    (at, part) => (at as Json | undefined)?.[part],
    document,
  );
}

function operationsOf(document: { paths: Record<string, Record<string, Json>> }) {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation }))
  );
}

Deno.test("the description is OpenAPI 3.1 and every reference in it resolves", async () => {
  const document = await fakeApi().json("GET /openapi.json", { key: "" });

  equal(document.openapi, "3.1.0");
  const lost = refsIn(document).filter((ref) => resolve(document, ref) === undefined);
  deepEqual(lost, []);
});

Deno.test("every operation has a name of its own, a summary, and its path's parameters", async () => {
  const document = await fakeApi().json<{ paths: Record<string, Record<string, Json>> }>(
    "GET /openapi.json",
  );
  const operations = operationsOf(document);

  equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
  for (const { path, operation } of operations) {
    ok(String(operation.summary).length > 10, path);
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const given = (operation.parameters as { name: string; in: string }[])
      .filter((parameter) => parameter.in === "path").map(({ name }) => name);
    deepEqual(given.toSorted(), wanted.toSorted(), path);
  }
});

Deno.test("every operation names its errors, and every JSON answer has a schema", async () => {
  const document = await fakeApi().json<{ paths: Record<string, Record<string, Json>> }>(
    "GET /openapi.json",
  );

  for (const { path, operation } of operationsOf(document)) {
    const responses = operation.responses as Record<string, { content?: Record<string, Json> }>;
    ok(responses["400"] !== undefined && responses["500"] !== undefined, path);
    if (operation.security === undefined) ok(responses["401"] !== undefined, path);
    for (const [status, { content = {} }] of Object.entries(responses)) {
      for (const [type, { schema }] of Object.entries(content)) {
        ok(schema !== undefined, `${path} ${status} ${type}`);
        equal(type === "application/problem+json", Number(status) >= 400, path);
      }
    }
  }
});

Deno.test("the description asks for a key by bearer token, and for none on open routes", async () => {
  const document = await fakeApi().json<{
    security: unknown;
    components: { securitySchemes: { key: Json } };
    paths: Record<string, Record<string, Json>>;
  }>("GET /openapi.json");

  deepEqual(document.security, [{ key: [] }]);
  equal(document.components.securitySchemes.key.scheme, "bearer");
  const open = operationsOf(document).filter(({ operation }) => operation.security !== undefined);
  deepEqual(open.map(({ path }) => path), [
    "/schemas/envelopes/{envelope}",
    "/v1/session/ways",
    "/v1/session/provider",
    "/v1/session/provider/return",
    "/v1/session",
    "/v1/events/{namespace}/{trigger}",
    "/health/live",
    "/health/ready",
    "/openapi.json",
  ]);
});
