/** Sign-in: by a key, by a one-time link, or at the identity provider. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect } from "react";
import { useClient } from "../data/client.tsx";
import type { Session } from "../data/session.tsx";
import { Button } from "../kit/button.tsx";
import { ErrorNote } from "../kit/error_note.tsx";

/** What stands before the secret in the address of a one-time link. */
const LINK = "#sign-in=";

/** Asks who the person is. */
export function SignIn({ hasEnded, onSignedIn }: {
  /** Whether a session has ended while the page was open. */
  readonly hasEnded: boolean;
  readonly onSignedIn: (session: Session) => void;
}) {
  const client = useClient();
  const ways = useQuery({
    queryKey: ["getSignInWays"],
    queryFn: ({ signal }) => client.call("getSignInWays", {}, { signal }),
  });
  const signIn = useMutation({
    mutationFn: (input: { readonly secret: string; readonly way: "key" | "link" }) =>
      client.call("makeSession", input),
    onSuccess: onSignedIn,
  });
  const { mutate } = signIn;
  useEffect(() => {
    const { hash, pathname, search } = location;
    if (!hash.startsWith(LINK)) return;
    // The link works once: neither the history nor the next page needs it.
    history.replaceState(null, "", pathname + search);
    mutate({ secret: hash.slice(LINK.length), way: "link" });
  }, [mutate]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const secret = String(new FormData(event.currentTarget).get("key") ?? "").trim();
    mutate({ secret, way: "key" });
  };
  const provider = ways.data?.provider;
  return (
    <main className="sign-in">
      <h1>Tasker</h1>
      {hasEnded && <p role="status">Your session has ended. Sign in again to go on.</p>}
      {provider !== undefined && (
        <a className="button primary" href={provider.path}>Sign in with {provider.name}</a>
      )}
      <form onSubmit={submit}>
        <label htmlFor="key">API key</label>
        <input id="key" name="key" type="password" autoComplete="off" required />
        <Button
          type="submit"
          kind={provider === undefined ? "primary" : "plain"}
          isDisabled={signIn.isPending}
        >
          Sign in
        </Button>
      </form>
      {signIn.error !== null && <ErrorNote error={signIn.error} />}
      <p className="muted">
        The first key is printed when the server starts for the first time, with a link that signs
        in once. Beside the server, <code>deno task tasker sign-in</code> makes another link.
      </p>
    </main>
  );
}
