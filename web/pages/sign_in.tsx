/** Sign-in. */

import { type FormEvent, useState } from "react";
import { openPageClient } from "../data/client.tsx";
import { Button } from "../kit/button.tsx";
import { ErrorNote } from "../kit/error_note.tsx";

/** Asks for a key, and checks it. */
export function SignIn({ onSignedIn }: { readonly onSignedIn: (key: string) => void }) {
  const [error, setError] = useState<unknown>();
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get("key") ?? "").trim();
    try {
      await openPageClient(key).call("getOwnKey", {});
      onSignedIn(key);
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <main className="sign-in">
      <h1>Tasker</h1>
      <form onSubmit={(event) => void submit(event)}>
        <label htmlFor="key">API key</label>
        <input id="key" name="key" type="password" autoComplete="off" required autoFocus />
        <Button type="submit" kind="primary">Sign in</Button>
      </form>
      {error !== undefined && <ErrorNote error={error} />}
      <p className="muted">
        The first key is printed when the server starts for the first time; it is kept in{" "}
        <code>.tasker/admin.key</code>.
      </p>
    </main>
  );
}
