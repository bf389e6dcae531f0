/** Reads which identity provider people sign in at, and what each of their groups may do. */

import { type Role, ROLES } from "../core/api_key.ts";
import { OIDC_SECRET, whyNoHeaderValue } from "../core/http_call.ts";
import { checkCalled } from "./config_egress.ts";
import { type ConfigReader, quote } from "./config_reader.ts";

const NAMES = [
  "TASKER_OIDC_ISSUER",
  "TASKER_OIDC_CLIENT_ID",
  OIDC_SECRET,
  "TASKER_OIDC_TOKEN_ORIGIN",
  "TASKER_OIDC_CLAIM",
  "TASKER_OIDC_ROLES",
] as const;

type Reader = ConfigReader<"TASKER_EGRESS" | typeof NAMES[number]>;

/** A provider as the configuration states it. */
export interface OidcConfig {
  readonly issuer: string;
  readonly clientId: string;
  /** Whether the client proves itself by a secret beside PKCE. */
  readonly hasSecret: boolean;
  /** The only origin that the secret is sent to. */
  readonly tokenOrigin: string;
  /** The claim that has a person's groups: a name, or names with dots between them. */
  readonly claim: string;
  /** The role of each group; who is in none has no access. */
  readonly roles: ReadonlyMap<string, Role>;
}

/** Reads the provider; undefined: there is none. The client's secret stays out. */
export function readOidc(reader: Reader): OidcConfig | undefined {
  const set = NAMES.filter((name) => reader.text(name) !== undefined);
  if (set.length === 0) return undefined;
  const [issuer, clientId] = ["TASKER_OIDC_ISSUER", "TASKER_OIDC_CLIENT_ID"] as const;
  for (const name of [issuer, clientId, "TASKER_OIDC_ROLES"] as const) {
    if (reader.text(name) !== undefined) continue;
    reader.fault(name, "incomplete", `is not set, and ${set.join(", ")} is: sign-in needs it`);
  }
  const url = checkIssuer(reader);
  const secret = reader.text(OIDC_SECRET);
  if (secret !== undefined && whyNoHeaderValue(secret) !== undefined) {
    reader.fault(OIDC_SECRET, "not_a_secret", "cannot be sent in a header");
  }
  const roles = readRoles(reader);
  return {
    issuer: url ?? "",
    clientId: reader.text(clientId) ?? "",
    hasSecret: secret !== undefined,
    tokenOrigin: readTokenOrigin(reader, url),
    claim: reader.text("TASKER_OIDC_CLAIM") ?? "groups",
    roles,
  };
}

/** What is said in clear text anyone on the way could change: only on this host. */
function checkIssuer(reader: Reader): string | undefined {
  const text = reader.text("TASKER_OIDC_ISSUER");
  if (text === undefined) return undefined;
  const faults = reader.faults.length;
  checkCalled(reader, "TASKER_OIDC_ISSUER", text);
  if (reader.faults.length > faults) return undefined;
  const { protocol, hostname } = new URL(text);
  if (protocol === "http:" && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)) {
    reader.fault("TASKER_OIDC_ISSUER", "not_secure", "does not start with https://");
  }
  return text;
}

function readTokenOrigin(reader: Reader, issuer: string | undefined): string {
  const text = reader.url("TASKER_OIDC_TOKEN_ORIGIN", ["https:", "http:"]) ?? issuer;
  return URL.parse(text ?? "")?.origin ?? "";
}

/** Shape: `group=role`, several separated by commas. */
function readRoles(reader: Reader): ReadonlyMap<string, Role> {
  const known = Object.keys(ROLES) as Role[];
  const entries = reader.list("TASKER_OIDC_ROLES").map((text) => {
    const at = text.lastIndexOf("=");
    const role = known.find((one) => one === text.slice(at + 1).trim());
    const group = text.slice(0, Math.max(0, at)).trim();
    if (role !== undefined && group !== "") return [group, role] as const;
    const expected = `expected GROUP=ROLE, and one of ${known.join(", ")} as its role`;
    reader.fault("TASKER_OIDC_ROLES", "not_a_role", `${quote(text)}: ${expected}`);
    return undefined;
  });
  return new Map(entries.filter((entry) => entry !== undefined));
}
