/** Operations of sign-in: sessions of browsers, and links that sign in once. */

import { z } from "zod";
import { KeyDocument } from "./keys.ts";
import { group, operation } from "./operation.ts";
import { named, Time } from "./schema.ts";

const SignInBody = named(
  "SignIn",
  z.strictObject({
    secret: z.string().min(1).max(512).describe(
      "An API key, or the part of a one-time link after `#sign-in=`",
    ),
    way: z.enum(["key", "link"]).default("key"),
  }),
);

/** Why a sign-in at the identity provider is refused. */
export const REFUSALS = ["away", "denied", "no_role", "not_begun", "not_trusted"] as const;

/** What a provider sends a browser back with; some add more. */
const ProviderAnswer = z.looseObject({
  code: z.string().max(4_096).optional(),
  state: z.string().max(512).optional(),
  error: z.string().max(512).optional(),
});

const SignInWays = named(
  "SignInWays",
  z.object({
    provider: z.object({
      name: z.string(),
      path: z.string().describe("Where a browser begins to sign in there"),
    }).optional().describe("The identity provider; absent: there is none"),
  }),
);

const SignInLink = named(
  "SignInLink",
  z.object({
    path: z.string().describe("To be opened in a browser, after the address of the server"),
    expiresAt: Time,
  }),
);

/** Everything that can be asked of sign-in. */
export const SESSIONS = group("sessions", {
  getSignInWays: operation({
    method: "GET",
    path: "/v1/session/ways",
    summary: "Shows how a person can sign in to the web app, beside a key",
    right: "open",
    repeat: "harmless",
    answers: { 200: { description: "The ways", schema: SignInWays } },
    errors: [],
  }),
  beginSignIn: operation({
    method: "GET",
    path: "/v1/session/provider",
    summary: "Sends a browser to the identity provider to sign in there",
    right: "open",
    repeat: "harmless",
    answers: { 302: { description: "To the provider, or to the page that says why not" } },
    errors: ["api.not_found"],
  }),
  finishSignIn: operation({
    method: "GET",
    path: "/v1/session/provider/return",
    summary: "Takes a browser back from the identity provider, and signs it in",
    right: "open",
    repeat: "harmless",
    query: ProviderAnswer,
    answers: { 302: { description: "To the page, signed in, or to the one that says why not" } },
    errors: ["api.not_found"],
    audit: { target: "a session by the identity provider" },
  }),
  makeSession: operation({
    method: "POST",
    path: "/v1/session",
    summary: "Signs a browser in: a cookie that scripts cannot read stands for the key from now on",
    right: "open",
    repeat: "harmless",
    body: SignInBody,
    answers: {
      201: {
        description: "Signed in; what the session may do, and until when",
        schema: KeyDocument,
      },
    },
    errors: [],
    audit: { target: "a session by {way}" },
  }),
  endSession: operation({
    method: "DELETE",
    path: "/v1/session",
    summary: "Signs a browser out; other nodes stop accepting its cookie within seconds",
    right: "key",
    repeat: "harmless",
    answers: { 204: { description: "Signed out" } },
    errors: [],
    audit: { target: "the session" },
  }),
  makeSignInLink: operation({
    method: "POST",
    path: "/v1/session/links",
    summary:
      "Makes a link that signs one browser in, once, with the rights of the key that is used",
    right: "key",
    repeat: "harmless",
    answers: { 201: { description: "The link; it works for an hour", schema: SignInLink } },
    errors: [],
    audit: { target: "a link until {expiresAt}" },
    command: { verb: "sign-in" },
  }),
});
