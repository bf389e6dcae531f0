/** Routes of API keys. */

import { z } from "zod";
import { TaskerError } from "../core/errors.ts";
import type { KeyRow } from "../core/ports.ts";
import { type Caller, EVERYTHING } from "./access.ts";
import { makeKey, SCOPES } from "./key.ts";
import { badRequest } from "./problem.ts";
import { type Route, route } from "./route.ts";
import { Name, named, Time, timeText } from "./schema.ts";
import type { Services } from "./services.ts";

const NAMESPACES_MAX = 100;

const KeyBody = named(
  "NewKey",
  z.strictObject({
    name: z.string().min(1).max(128),
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
    namespaces: z.array(z.union([Name, z.literal(EVERYTHING)])).min(1).max(NAMESPACES_MAX)
      .describe('"*" = all; for the scope bus, names of systems'),
    expiresAt: Time.optional(),
  }),
);
type KeyBody = z.output<typeof KeyBody>;

const Key = named(
  "Key",
  z.object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    namespaces: z.array(z.string()),
    createdAt: Time,
    expiresAt: Time.optional(),
  }),
);

const MadeKey = named(
  "MadeKey",
  z.object({ ...Key.shape, key: z.string().describe("Shown this once") }),
);

const KeyList = named("KeyList", z.object({ keys: z.array(Key) }));

/** All routes of keys. */
export function keyRoutes(services: Services): readonly Route[] {
  return [makeRoute(services), listRoute(services), removeRoute(services)];
}

function makeRoute({ keys, runtime, log }: Services): Route {
  return route({
    method: "POST",
    path: "/v1/keys",
    name: "makeKey",
    group: "keys",
    summary: "Makes a key, never with more rights than the one that asks; it is shown once",
    right: "admin",
    repeat: "remembered",
    body: KeyBody,
    answers: { 201: { description: "The key", schema: MadeKey } },
    problems: ["api.key_reused"],
    async handle({ caller, body }) {
      const { secret, row } = makeKey(runtime, bounded(caller, body, runtime.now()));
      await keys.add(row);
      log.info("Made a key", { newKeyId: row.id, keyId: caller.keyId, scopes: row.scopes });
      return { status: 201, body: { ...keyDocument(row), key: secret } };
    },
  });
}

/** A key can hand on what it has: no other namespace, and no longer life. */
function bounded({ key, namespaces }: Caller, body: KeyBody, nowMs: number) {
  const beyond = namespaces === undefined
    ? []
    : body.namespaces.filter((namespace) => !namespaces.includes(namespace));
  if (beyond.length > 0) {
    throw new TaskerError(
      "api.forbidden",
      `Cannot make a key for "${beyond.join('", "')}" with this key: it does not cover that`,
    );
  }
  const asked = body.expiresAt === undefined ? Infinity : Date.parse(body.expiresAt);
  if (asked <= nowMs) throw badRequest("Cannot make the key: expiresAt is in the past");
  const expiresAtMs = Math.min(asked, key.expiresAtMs ?? Infinity);
  return {
    name: body.name,
    scopes: body.scopes,
    namespaces: body.namespaces,
    ...(expiresAtMs === Infinity ? {} : { expiresAtMs }),
  };
}

function listRoute({ keys }: Services): Route {
  return route({
    method: "GET",
    path: "/v1/keys",
    name: "listKeys",
    group: "keys",
    summary: "Lists keys, without their secrets",
    right: "admin",
    repeat: "harmless",
    answers: {
      200: { description: "Those that reach no further than the one that asks", schema: KeyList },
    },
    problems: [],
    async handle({ caller }) {
      const seen = (await keys.list()).filter((row) => reaches(caller, row));
      return { status: 200, body: { keys: seen.map(keyDocument) } };
    },
  });
}

function removeRoute({ keys, access, log }: Services): Route {
  return route({
    method: "DELETE",
    path: "/v1/keys/{id}",
    name: "removeKey",
    group: "keys",
    summary: "Removes a key; other nodes learn it within seconds",
    right: "admin",
    repeat: "remembered",
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    answers: { 204: { description: "It is gone" } },
    problems: ["key.not_found"],
    async handle({ caller, params: { id } }) {
      const row = (await keys.list()).find((one) => one.id === id);
      if (row === undefined || !reaches(caller, row) || !await keys.remove(id)) {
        throw new TaskerError("key.not_found", `Cannot find key "${id}"`);
      }
      access.forget();
      log.info("Removed a key", { removedKeyId: id, keyId: caller.keyId });
      return { status: 204 };
    },
  });
}

function reaches({ namespaces }: Caller, row: KeyRow): boolean {
  return namespaces === undefined || row.namespaces.every((name) => namespaces.includes(name));
}

function keyDocument({ id, name, scopes, namespaces, createdAtMs, expiresAtMs }: KeyRow) {
  return {
    id,
    name,
    scopes,
    namespaces,
    createdAt: timeText(createdAtMs),
    ...(expiresAtMs === undefined ? {} : { expiresAt: timeText(expiresAtMs) }),
  };
}
