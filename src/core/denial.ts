/** Denials: what Deno does not let step code do, and how to allow it. */

/** The setting that adds to each permission; the server never has the others. */
const SETTINGS: ReadonlyMap<string, string> = new Map([
  ["net", "TASKER_ALLOW_NET"],
  ["env", "TASKER_ALLOW_ENV"],
  ["read", "TASKER_ALLOW_READ"],
]);

const DENIAL =
  /(Requires (\w+) access(?: to (?:"([^"]*)"|[^,]*))?), run again with the --allow-\w+ flag/;

/** What Node's sockets say when Deno refuses a host. */
const NODE_DENIAL = /(getaddrinfo EPERM (\S+))/;

/** Returns an error's text; where Deno refused something, it says how to allow it. */
export function explainDenial(text: string): string {
  return text
    .replace(DENIAL, (_, what: string, kind: string, name = "") => `${what}: ${advice(kind, name)}`)
    .replace(NODE_DENIAL, (_, what: string, host: string) => `${what}: ${advice("net", host)}`);
}

function advice(kind: string, name: string): string {
  const setting = SETTINGS.get(kind);
  if (setting === undefined) {
    return "the server never has this permission; let another service do it, as a remote step";
  }
  const value = name === "" ? "what it needs" : `"${name}"`;
  return `add ${value} to ${setting} and start the server again`;
}
