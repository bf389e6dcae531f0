/** MCP beside the API: every call goes through the API under the caller's own key. */

import type { Api } from "../api/api.ts";
import { openClient } from "../client.ts";
import type { Runtime } from "../core/ports.ts";
import { MCP_PATH, openMcpHttp } from "../mcp/http.ts";
import { OFFER } from "../mcp/offer.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { VERSION } from "./version.ts";

/** Never resolved: the client asks the API of this process. */
const OWN_URL = "http://tasker.internal";

/** Serves MCP at `MCP_PATH`, and everything else as before. */
export function withMcp(
  api: Api,
  deps: {
    readonly runtime: Runtime;
    readonly log: Log;
    readonly metrics: Metrics;
    /** As `ServerDeps.stateKey`. */
    readonly stateKey: string;
  },
): Api {
  const { runtime } = deps;
  const fetch = (request: Request) => api.fetch(request);
  const mcp = openMcpHttp({
    ...deps,
    ...OFFER,
    version: VERSION,
    clientOf: (key, agent) =>
      openClient({ url: OWN_URL, key, agent, retryForMs: 0, runtime, fetch }),
  });
  return {
    ...api,
    fetch: (request) => isForMcp(request) ? mcp.fetch(request) : api.fetch(request),
    close() {
      api.close();
      void mcp.close();
    },
  };
}

function isForMcp({ url }: Request): boolean {
  return url.includes(MCP_PATH) && URL.parse(url)?.pathname === MCP_PATH;
}
