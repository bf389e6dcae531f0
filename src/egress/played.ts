/** Played requests: a function stands in for all hosts, in the tests of workflows. */

import type { Egress } from "../core/ports.ts";

/** A request of an `http` step; a secret appears as `secret:NAME` behind its prefix. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** An answer; a body that is not a text is sent as JSON. */
export interface HttpAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Stands in for all hosts: answers a request, or throws when the host does not answer. */
export type PlayedHttp = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

/** Makes an Egress of a function. */
export function playHttp(play: PlayedHttp): Egress {
  return {
    async request({ method, url, headers: sent, body: sentBody }) {
      const headers = Object.fromEntries(
        Object.entries(sent).map(([name, value]) => [
          name,
          typeof value === "string" ? value : `${value.prefix ?? ""}secret:${value.secret}`,
        ]),
      );
      const answer = await play({ method, url, headers, body: sentBody });
      const { status = 200, body = "" } = answer;
      const isText = typeof body === "string";
      return {
        status,
        headers: {
          "content-type": isText ? "text/plain" : "application/json",
          ...answer.headers,
        },
        body: new TextEncoder().encode(isText ? body : JSON.stringify(body)),
      };
    },
  };
}
