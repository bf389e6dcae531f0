/** Keys and sessions in memory. */

import type { KeyRow, Keys, Session, Sessions } from "../../src/core/ports.ts";
import type { ApiDeps } from "../../src/api/deps.ts";
import { removeById } from "./fake_dead_letters.ts";

/** What decides who may ask, over these keys. */
export function fakeAccess(
  rows: KeyRow[],
): Pick<ApiDeps, "keys" | "sessions" | "signIn" | "traceUrl"> {
  const signIn = { isHttps: false, provider: undefined };
  return {
    traceUrl: "https://traces.test/{traceId}",
    keys: fakeKeys(rows),
    sessions: fakeSessions(rows),
    signIn,
  };
}

function fakeSessions(keys: readonly KeyRow[]): Sessions {
  const sessions = new Map<string, Session>();
  const find = (hash: string, isLink: boolean): KeyRow | undefined => {
    const session = sessions.get(hash);
    if (session?.isLink !== isLink) return undefined;
    const { of, expiresAtMs } = session;
    if ("person" in of) return { ...of.person, hash, expiresAtMs };
    const key = keys.find(({ id }) => id === of.keyId);
    const endsAtMs = Math.min(expiresAtMs, key?.expiresAtMs ?? Infinity);
    return key && { ...key, hash, expiresAtMs: endsAtMs };
  };
  return {
    add: (session) => Promise.resolve(void sessions.set(session.hash, session)),
    find: (hash) => Promise.resolve(find(hash, false)),
    takeLink(hash) {
      const row = find(hash, true);
      if (row !== undefined) sessions.delete(hash);
      return Promise.resolve(row);
    },
    remove: (hash) => Promise.resolve(void sessions.delete(hash)),
    living: (hashes) =>
      Promise.resolve(
        new Set(hashes.filter((hash) =>
          keys.some((key) => key.hash === hash) || find(hash, false) !== undefined
        )),
      ),
  };
}

function fakeKeys(rows: KeyRow[]): Keys {
  return {
    addFirst: (row) => Promise.resolve(rows.length === 0 && rows.push(row) > 0),
    add: (row) => Promise.resolve(void rows.push(row)),
    find: (hash) => Promise.resolve(rows.find((row) => row.hash === hash)),
    list: () => Promise.resolve(rows),
    remove: (id) => Promise.resolve(removeById(rows, id)),
    replyKeys: () => Promise.resolve([]),
  };
}
