/** An OpenID Connect provider of its own port, whose people say at sign-in who they are. */

import http from "node:http";
import { Provider } from "oidc-provider";

/** What the provider knows Tasker by. */
export const CLIENT = { id: "tasker", secret: "a secret & more" };

/** A running provider. */
export interface TestProvider extends AsyncDisposable {
  readonly issuer: string;
  /** Lets a client come back to this address. */
  allow(returnUrl: string): void;
}

/** Starts a provider. People are in the group that they are called by: `admins`, `ops`, `readers`. */
export async function startProvider(): Promise<TestProvider> {
  let answer: http.RequestListener = (_, response) => void response.writeHead(503).end();
  const server = http.createServer((request, response) => answer(request, response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  const issuer = `http://127.0.0.1:${port}`;
  const open = (returnUrls: readonly string[]) => {
    const provider = new Provider(issuer, {
      clients: [{
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [...returnUrls],
      }],
      claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
      findAccount: (_: unknown, sub: string) => ({
        accountId: sub,
        claims: () => ({ sub, preferred_username: sub, groups: [sub] }),
      }),
      cookies: { keys: ["a key of a test"] },
    });
    answer = provider.callback();
  };
  return {
    issuer,
    allow: (returnUrl) => open([returnUrl]),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
