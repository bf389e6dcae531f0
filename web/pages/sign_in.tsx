/** Sign-in: by a key, by a one-time link, or at the identity provider. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useEffectEvent, useState } from "react";
import { useClient } from "../data/client.tsx";
import type { Session } from "../data/session.tsx";
import { Button } from "../kit/button.tsx";
import { ErrorNote } from "../kit/error_note.tsx";

/** What stands before the secret in the address of a one-time link. */
const LINK = "#sign-in=";

/** What stands before the reason in the address of a sign-in at the provider that was refused. */
const REFUSED = "#sign-in-refused=";

/** In this tab: the page that was open before the sign-in at the provider. */
const RETURN_KEY = "tasker.return";

/** Why the provider's sign-in was refused, and what the person can do. */
const REFUSALS: Readonly<Record<string, string>> = {
  away:
    "The identity provider does not answer as it should. Sign in with a key, or try again later.",
  denied: "You were not signed in there. Try again, or sign in with a key.",
  no_role:
    "You are known there, but have no access to Tasker. Ask its operators to give one of your " +
    "groups a role, in TASKER_OIDC_ROLES.",
  not_begun:
    "This sign-in took longer than ten minutes, or began in another browser. Begin again here.",
  not_trusted:
    "What the identity provider answered could not be trusted, so nobody was signed in. " +
    "Begin again; if it comes back, the server's log says why.",
};

/** Goes back to the page that was open before a sign-in at the provider. */
export function takeReturnPath(): string | undefined {
  const path = sessionStorage.getItem(RETURN_KEY) ?? undefined;
  sessionStorage.removeItem(RETURN_KEY);
  return path;
}

/** To the identity provider, and back to the page that is open now. */
function ProviderLink({ name, path }: { readonly name: string; readonly path: string }) {
  const keep = () => sessionStorage.setItem(RETURN_KEY, location.pathname + location.search);
  return <a className="button primary" href={path} onClick={keep}>Sign in with {name}</a>;
}

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
  const refusal = useAddress((link) => mutate({ secret: link, way: "link" }));
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
      {refusal !== undefined && <p role="alert" className="panel attention">{refusal}</p>}
      {provider !== undefined && <ProviderLink {...provider} />}
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

/**
 * Reads what the address says behind #, once: a link, which is given to `onLink`, or why the provider
 * refused, which is returned.
 */
function useAddress(onLink: (link: string) => void): string | undefined {
  const [refusal, setRefusal] = useState<string>();
  const take = useEffectEvent(onLink);
  useEffect(() => {
    const read = () => {
      const { hash, pathname, search } = location;
      if (hash.startsWith(REFUSED)) setRefusal(REFUSALS[hash.slice(REFUSED.length)]);
      else if (!hash.startsWith(LINK)) return;
      // The link works once: neither the history nor the next page needs it.
      history.replaceState(null, "", pathname + search);
      if (hash.startsWith(LINK)) take(hash.slice(LINK.length));
    };
    read();
    // A link that is pasted where this page is open loads no other page.
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  return refusal;
}
