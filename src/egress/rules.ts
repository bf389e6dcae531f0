/** Rules: which hosts and addresses the engine's own HTTP requests may go to. Pure. */

import { TaskerError } from "../core/errors.ts";
import { addressRefusal, isAllowed, parseAddress, parseRange, type Range } from "./address.ts";

/** A host that may be called; `*` stands for all, `*.company.com` for all below. */
interface HostPattern {
  readonly name: string;
  /** Undefined: all. */
  readonly port: string | undefined;
}

/** What may be called. Empty: nothing. */
export interface EgressRules {
  readonly hosts: readonly HostPattern[];
  /** Addresses that may be called though they are not public. */
  readonly ranges: readonly Range[];
}

/** A URL that may be called, as far as its text shows. */
export interface Target {
  readonly url: URL;
  /** As DNS and TLS take it: without brackets and a dot at its end. */
  readonly host: string;
}

/**
 * Reads one rule and returns the rules with it; undefined when it is none.
 *
 * Shape: `mail.company.com`, `*.company.com`, `*`, each with or without `:port`; an address, or a
 * range such as `10.2.0.0/16`.
 */
export function withRule(rules: EgressRules, text: string): EgressRules | undefined {
  const range = parseRange(text);
  if (range !== undefined) return { ...rules, ranges: [...rules.ranges, range] };
  const [, stars, rest, port] = /^(\*$|\*(?=:)|\*\.)?([^*/?#@\\\s:]*)(?::(\d{1,5}))?$/.exec(text) ??
    [];
  if (stars === undefined && (rest ?? "") === "") return undefined;
  if (stars === "*." && rest === "" || stars === "*" && rest !== "") return undefined;
  const name = rest === "" ? "" : nameOf(rest ?? "");
  if (name === undefined || Number(port ?? 1) > 65_535) return undefined;
  return { ...rules, hosts: [...rules.hosts, { name: `${stars ?? ""}${name}`, port }] };
}

/** No rule: nothing may be called. */
export const NO_RULES: EgressRules = { hosts: [], ranges: [] };

/** A name as the URL parser writes it: lower case, punycode. An address is a range, not a name. */
function nameOf(text: string): string | undefined {
  const hostname = URL.parse(`http://${text}/`)?.hostname.replace(/\.$/, "");
  return hostname === "" || hostname === undefined || parseAddress(hostname) ? undefined : hostname;
}

/**
 * Checks what the text of a URL shows.
 *
 * @throws {TaskerError} egress.refused
 */
export function targetOf(rules: EgressRules, text: string): Target {
  const url = URL.parse(text);
  if (url === null) throw refused("the address of an HTTP request", "it is not a URL");
  const shown = shownUrl(url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused(shown, "only http and https are called");
  }
  if (url.username !== "" || url.password !== "") {
    throw refused(shown, "it holds a user name or a password: send a header instead");
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  const address = parseAddress(host);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const isListed = rules.hosts.some((pattern) => matches(pattern, host, port)) ||
    address !== undefined && isAllowed(address, rules.ranges);
  if (!isListed) throw refused(shown, "TASKER_EGRESS does not name its host");
  return { url, host };
}

function matches({ name, port }: HostPattern, host: string, portOfUrl: string): boolean {
  if (port !== undefined && port !== portOfUrl) return false;
  return name === "*" || name === host || name.startsWith("*.") && host.endsWith(name.slice(1));
}

/**
 * Checks what a host resolved to: one address that may not be called refuses the host.
 *
 * @throws {TaskerError} egress.refused
 */
export function checkAddresses(
  rules: EgressRules,
  { url }: Target,
  addresses: readonly string[],
): void {
  for (const text of addresses) {
    const address = parseAddress(text);
    const reason = address === undefined ? "not an address" : addressRefusal(address, rules.ranges);
    if (reason === undefined) continue;
    throw refused(
      shownUrl(url),
      `its address ${text} is ${reason}, and TASKER_EGRESS does not list it`,
    );
  }
}

/** A URL as logs and errors may show it: the path of a webhook is a secret, as a query may be. */
export function shownUrl(url: URL): string {
  return `"${url.protocol}//${url.host}"`;
}

/** The error of a request that may not be made. */
export function refused(shown: string, why: string): TaskerError {
  return new TaskerError("egress.refused", `Cannot call ${shown}: ${why}`);
}
