/** Handlers of API keys. */

import { TaskerError } from "../core/errors.ts";
import type { KeyRow } from "../core/ports.ts";
import type { KEYS } from "../operations/keys.ts";
import type { ParsedOf } from "../operations/operation.ts";
import { timeText } from "../operations/schema.ts";
import type { Caller } from "./access.ts";
import { makeKey } from "./api_key.ts";
import { badRequest, type Handlers, type Services } from "./handler.ts";

/** Handlers of everything that makes, lists and removes keys. */
export function keyHandlers(
  { keys, access, connections, runtime, log }: Services,
): Handlers<typeof KEYS> {
  return {
    async makeKey(input, { caller }) {
      const { secret, row } = makeKey(runtime, bounded(caller, input, runtime.now()));
      await keys.add(row);
      log.info("Made a key", { newKeyId: row.id, keyId: caller.keyId, scopes: row.scopes });
      return { status: 201, body: { ...keyDocument(row), key: secret } };
    },
    getOwnKey(_input, { caller }) {
      return Promise.resolve({ status: 200, body: keyDocument(caller.key) });
    },
    async listKeys(_input, { caller }) {
      const seen = (await keys.list()).filter((row) => isWithin(caller, row));
      return { status: 200, body: { keys: seen.map(keyDocument) } };
    },
    async removeKey({ id }, { caller }) {
      const row = (await keys.list()).find((one) => one.id === id);
      if (row === undefined || !isWithin(caller, row) || !await keys.remove(id)) {
        throw new TaskerError("key.not_found", `Cannot find key "${id}"`);
      }
      access.forget();
      await connections.checkKeys();
      log.info("Removed a key", { removedKeyId: id, keyId: caller.keyId });
      return { status: 204 };
    },
  };
}

/** A new key has at most the namespaces, the systems and the lifetime of the key that makes it. */
function bounded(caller: Caller, input: ParsedOf<typeof KEYS["makeKey"]>, nowMs: number) {
  const { key } = caller;
  const missing = notCovered(caller, input);
  if (missing.length > 0) {
    throw new TaskerError(
      "api.forbidden",
      `Cannot make a key for "${missing.join('", "')}" with this key: it does not cover them`,
    );
  }
  const asked = input.expiresAt === undefined ? Infinity : Date.parse(input.expiresAt);
  if (asked <= nowMs) throw badRequest("Cannot make the key: expiresAt is in the past");
  const expiresAtMs = Math.min(asked, key.expiresAtMs ?? Infinity);
  return {
    name: input.name,
    scopes: input.scopes,
    namespaces: input.namespaces,
    systems: input.systems,
    ...(expiresAtMs === Infinity ? {} : { expiresAtMs }),
  };
}

function isWithin(caller: Caller, row: KeyRow): boolean {
  return notCovered(caller, row).length === 0;
}

/** The namespaces and systems of a key that the caller does not cover. */
function notCovered(
  { namespaces, systems }: Caller,
  of: Pick<KeyRow, "namespaces" | "systems">,
): readonly string[] {
  return [
    ...of.namespaces.filter((name) => namespaces?.includes(name) === false),
    ...of.systems.filter((name) => systems?.includes(name) === false),
  ];
}

/** A key as it is shown. */
export function keyDocument(
  { id, name, scopes, namespaces, systems, createdAtMs, expiresAtMs }: KeyRow,
) {
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
