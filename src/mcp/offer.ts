/** Everything that this server offers to clients, over HTTP as over stdio. */

import { DOCUMENT_TOOLS } from "./document_tools.ts";
import { INSIGHT_TOOLS } from "./insight_tools.ts";
import { OPERATION_TOOLS } from "./operation_tools.ts";
import { PROMPTS } from "./prompt.ts";
import { RESOURCES } from "./resource.ts";
import { REVERT_TOOL } from "./revert_tool.ts";
import type { ServerDeps } from "./server.ts";

/** Workflows come beside it: each is a tool. */
export const OFFER: Pick<ServerDeps, "tools" | "resources" | "prompts"> = {
  tools: [...INSIGHT_TOOLS, ...OPERATION_TOOLS, ...DOCUMENT_TOOLS, REVERT_TOOL],
  resources: RESOURCES,
  prompts: PROMPTS,
};
