/** Who is signed in, and what they may do. */

import { createContext, useContext } from "react";
import type { OperationResult } from "../../src/client.ts";
import type { Scope } from "../../src/core/api_key.ts";

/** The rights of this browser's session. */
export type Session = OperationResult<"getOwnKey">;

const SessionContext = createContext<Session | undefined>(undefined);

/** Says to the pages below it who is signed in. */
export const SessionProvider = SessionContext.Provider;

/** Who is signed in. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error("Cannot show this without a session");
  return session;
}

/** Whether the person may do what needs a scope. The server decides; pages only do not offer it. */
export function useMay(scope: Scope): boolean {
  const { scopes } = useSession();
  return scopes.includes(scope) || scopes.includes("admin");
}

/** What people call their rights. */
export function roleOf({ scopes }: Pick<Session, "scopes">): string {
  if (scopes.includes("admin")) return "admin";
  if (scopes.includes("operate")) return "operator";
  return scopes.includes("read") ? "viewer" : "limited";
}
