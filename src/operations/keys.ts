/** Operations of API keys. */

import { z } from "zod";
import { EVERYTHING, type Scope, SCOPES } from "../core/api_key.ts";
import { Name } from "../core/fields.ts";
import { group, operation } from "./operation.ts";
import { named, Time } from "./schema.ts";

/** Entries of one of a key's lists. */
const COVERED_MAX = 100;

const Covered = z.array(z.union([Name, z.literal(EVERYTHING)])).max(COVERED_MAX).default([]);

/** Scopes that work on tasks and workflows, so on namespaces. */
const NAMESPACE_SCOPES: readonly Scope[] = ["read", "write", "operate", "deploy", "events"];

const KeyBody = named(
  "NewKey",
  z.strictObject({
    name: z.string().min(1).max(128),
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
    namespaces: Covered.describe(
      'The namespaces whose tasks and workflows it may use; "*" = all. All scopes but bus need one, ' +
        "or for admin a system",
    ),
    systems: Covered.describe(
      'The systems for which it may poll and reply; "*" = all. The scope bus needs one',
    ),
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
    if (namespaces.length === 0) {
      demand("namespaces", scopes.find((scope) => NAMESPACE_SCOPES.includes(scope)));
    }
    if (systems.length === 0) demand("systems", scopes.find((scope) => scope === "bus"));
    if (namespaces.length + systems.length === 0) {
      demand("namespaces", scopes.find((scope) => scope === "admin"));
    }
  }),
);

/** A key, without its secret. */
export const KeyDocument = named(
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
  z.object({ ...KeyDocument.shape, key: z.string().describe("Shown this once") }),
);

const KeyList = named("KeyList", z.object({ keys: z.array(KeyDocument) }));

/** Everything that can be asked of keys. */
export const KEYS = group("keys", {
  listKeys: operation({
    method: "GET",
    path: "/v1/keys",
    summary: "Lists keys, without their secrets",
    right: "admin",
    repeat: "harmless",
    answers: {
      200: {
        description: "The keys with at most the reach of the key that is used",
        schema: KeyList,
      },
    },
    errors: [],
    command: { verb: "keys" },
  }),
  getOwnKey: operation({
    method: "GET",
    path: "/v1/key",
    summary: "Shows the key that is used: its scopes, namespaces and systems",
    right: "key",
    repeat: "harmless",
    answers: { 200: { description: "The key, without its secret", schema: KeyDocument } },
    errors: [],
    command: { verb: "keys own" },
  }),
  makeKey: operation({
    method: "POST",
    path: "/v1/keys",
    summary: "Makes a key with at most the rights of the key that is used; it is shown once",
    right: "admin",
    repeat: "remembered",
    body: KeyBody,
    answers: { 201: { description: "The key", schema: MadeKey } },
    errors: [],
    command: { verb: "keys make" },
    audit: { target: "{id} {name}", undo: "keys remove {id}" },
  }),
  removeKey: operation({
    method: "DELETE",
    path: "/v1/keys/{id}",
    summary: "Removes a key; other nodes stop accepting it within seconds",
    right: "admin",
    repeat: "remembered",
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    answers: { 204: { description: "It is removed" } },
    errors: ["key.not_found", "key.last"],
    command: { verb: "keys remove" },
    audit: { target: "{id}" },
  }),
});
