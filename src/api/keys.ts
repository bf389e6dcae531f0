/** Routes of API keys. */

import { z } from "zod";
import { TaskerError } from "../core/errors.ts";
import { Name } from "../core/fields.ts";
import type { KeyRow, Scope } from "../core/ports.ts";
import { type Caller, EVERYTHING } from "./access.ts";
import { makeKey, SCOPES } from "./key.ts";
import { badRequest } from "./problem.ts";
import { type Route, route } from "./route.ts";
import { named, Time, timeText } from "./schema.ts";
import type { Services } from "./services.ts";

/** Entries of one of a key's lists. */
const COVERED_MAX = 100;

const Covered = z.array(z.union([Name, z.literal(EVERYTHING)])).max(COVERED_MAX).default([]);

/** Scopes that work on tasks and workflows, so on namespaces. */
const NAMESPACE_SCOPES: readonly Scope[] = ["read", "write", "operate"];

const KeyBody = named(
  "NewKey",
  z.strictObject({
    name: z.string().min(1).max(128),
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
    namespaces: Covered.describe('Whose tasks and workflows it may use; "*" = all'),
    systems: Covered.describe('For whom it may poll and reply on the bus; "*" = all'),
    expiresAt: Time.optional(),
  }).superRefine(({ scopes, namespaces, systems }, { addIssue }) => {
    const demand = (list: "namespaces" | "systems", scope: Scope | undefined) => {
      if (scope === undefined) return;
      addIssue({
        code: "custom",
        path: [list],
        message: `the scope "${scope}" needs at least one`,
      });
    };
    if (namespaces.length === 0) demand("namespaces", scopes.find(worksOnNamespaces));
    if (systems.length === 0) demand("systems", scopes.find((scope) => scope === "bus"));
    if (namespaces.length + systems.length === 0) {
      demand("namespaces", scopes.find((scope) => scope === "admin"));
    }
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
    systems: z.array(z.string()),
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

function worksOnNamespaces(scope: Scope): boolean {
  return NAMESPACE_SCOPES.includes(scope);
}

/** A key can hand on what it has: no other namespace or system, and no longer life. */
function bounded(caller: Caller, body: KeyBody, nowMs: number) {
  const { key } = caller;
  const beyond = beyondReach(caller, body);
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
    systems: body.systems,
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

function removeRoute({ keys, access, waiting, log }: Services): Route {
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
    problems: ["key.not_found", "key.last"],
    async handle({ caller, params: { id } }) {
      const row = (await keys.list()).find((one) => one.id === id);
      if (row === undefined || !reaches(caller, row) || !await keys.remove(id)) {
        throw new TaskerError("key.not_found", `Cannot find key "${id}"`);
      }
      access.forget();
      await waiting.lookAtKeys();
      log.info("Removed a key", { removedKeyId: id, keyId: caller.keyId });
      return { status: 204 };
    },
  });
}

function reaches(caller: Caller, row: KeyRow): boolean {
  return beyondReach(caller, row).length === 0;
}

/** The namespaces and systems of a key that the caller does not cover. */
function beyondReach(
  { namespaces, systems }: Caller,
  of: Pick<KeyRow, "namespaces" | "systems">,
): readonly string[] {
  return [
    ...of.namespaces.filter((name) => namespaces?.includes(name) === false),
    ...of.systems.filter((name) => systems?.includes(name) === false),
  ];
}

function keyDocument({ id, name, scopes, namespaces, systems, createdAtMs, expiresAtMs }: KeyRow) {
  return {
    id,
    name,
    scopes,
    namespaces,
    systems,
    createdAt: timeText(createdAtMs),
    ...(expiresAtMs === undefined ? {} : { expiresAt: timeText(expiresAtMs) }),
  };
}
