/**
 * Root of the guard's process: the one process that may connect to other hosts, and that knows the
 * secrets it may send. It has no right but those; step code runs in the server, which has neither.
 *
 * It prints its port, and ends when its stdin does.
 */

import { MODEL_KEY, OIDC_SECRET } from "../core/http_call.ts";
import { openGuard } from "../egress/guard.ts";
import { NO_RULES, withRule } from "../egress/rules.ts";
import { openSignatures } from "../egress/signatures.ts";
import { answerWith } from "../egress/wire.ts";
import { listOf } from "./config_reader.ts";
import { openRuntime } from "./runtime.ts";

const rules = listOf(Deno.env.get("TASKER_EGRESS")).reduce(
  (more, text) => withRule(more, text) ?? more,
  NO_RULES,
);
const secrets = new Map(
  listOf(Deno.env.get("TASKER_SECRETS")).flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }),
);

/** A workflow that names a secret of Tasker's own must not get it sent to a host of its choice. */
const secretOrigins = new Map(
  [[MODEL_KEY, "TASKER_MODEL_URL"], [OIDC_SECRET, "TASKER_OIDC_TOKEN_ORIGIN"]].map((
    [name = "", place = ""],
  ) => [name, URL.parse(Deno.env.get(place) ?? "")?.origin ?? ""]),
);

/** What a request has to carry. */
const { password: key } = new URL(Deno.env.get("TASKER_EGRESS_URL") ?? "");

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  answerWith({
    egress: openGuard({ runtime: openRuntime(), rules, secrets, secretOrigins }),
    signatures: openSignatures(secrets),
  }, key),
);
console.log(server.addr.port);
for await (const _ of Deno.stdin.readable);
Deno.exit(0);
