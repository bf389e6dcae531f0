/** HTTP steps of manifests: what is fixed of a request, and what its mapping makes. */

import { type HttpCall, whyNoHeader, whyNoHeaderValue } from "../core/http_call.ts";
import type { Template } from "../core/mapping.ts";
import type { Draft } from "./draft.ts";
import type { Faults } from "./fault.ts";
import { hasUser, type ManifestStep, NO_USER, SecretHeader } from "./manifest.ts";

type Secrets = NonNullable<HttpCall["secrets"]>;

/** What an `http` step adds to its draft. */
export function draftHttp(
  stated: ManifestStep["http"],
  place: Draft["place"],
  faults: Faults,
): Pick<Draft, "http" | "template"> {
  if (stated === undefined) return {};
  const { method, url, query, body, retry_on, response_headers } = stated;
  if (hasUser(url)) faults.add(place("http", ["url"]), "bad_url", NO_USER);
  const origin = originOf(url);
  const { headers, secrets } = splitHeaders(stated.headers ?? {}, place, faults);
  const hasSecrets = Object.keys(secrets).length > 0;
  if (hasSecrets && origin === undefined) {
    faults.add(
      place("http", ["url"]),
      "secret_to_any_host",
      "a request with a secret goes to one host, expected a url that begins with it, such as " +
        '"https://mail.company.com/${input.path}"',
    );
  }
  if (body !== undefined && (method === "GET" || method === "HEAD")) {
    faults.add(place("http", ["body"]), "not_of_kind", `a ${method} has no body`);
  }
  const template = { url, query, headers, body };
  const given = Object.entries(template).filter(([, value]) => value !== undefined);
  return {
    template: { value: Object.fromEntries(given) as Template, field: "http" },
    http: {
      method,
      ...(origin !== undefined && { origin }),
      ...(hasSecrets && { secrets }),
      ...(retry_on !== undefined && { retryOn: retry_on }),
      ...(response_headers !== undefined && { responseHeaders: response_headers }),
    },
  };
}

/** The origin of a URL whose text begins with it, up to its path; undefined when a mapping makes it. */
function originOf(url: string): string | undefined {
  const [, head] = /^(https?:\/\/[^/?#$]+)([/?#]|$)/i.exec(url) ?? [];
  const origin = head === undefined ? undefined : URL.parse(head)?.origin;
  return origin === "null" ? undefined : origin;
}

/** Takes out the headers whose values are secrets: a mapping must not make one of an input. */
function splitHeaders(
  headers: Readonly<Record<string, unknown>>,
  place: Draft["place"],
  faults: Faults,
): { readonly headers?: Readonly<Record<string, unknown>>; readonly secrets: Secrets } {
  const plain: Record<string, unknown> = {};
  const secrets: Record<string, Secrets[string]> = {};
  for (const [name, value] of Object.entries(headers)) {
    const isObject = typeof value === "object" && value !== null;
    const why = whyNoHeader(name) ?? (isObject ? undefined : whyNoHeaderValue(literalOf(value)));
    if (why !== undefined) faults.add(place("http", ["headers", name]), "bad_header", why);
    if (!isObject) {
      plain[name] = value;
      continue;
    }
    const parsed = SecretHeader.safeParse(value);
    if (parsed.success) secrets[name] = parsed.data;
    else {
      const detail =
        "expected a text, or { secret: NAME } with the name of a variable that TASKER_SECRETS lists " +
        "and perhaps a prefix, whose characters a header can have";
      faults.add(place("http", ["headers", name]), "bad_header", detail);
    }
  }
  return { ...(Object.keys(plain).length > 0 && { headers: plain }), secrets };
}

/** What a header's value has whatever its references stand for. */
function literalOf(value: unknown): string {
  return typeof value === "string" && !value.startsWith("$.")
    ? value.replace(/\$\{[^}]*\}/g, "")
    : "";
}
