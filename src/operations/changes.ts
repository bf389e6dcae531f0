/** The operation that says what has changed. */

import { z } from "zod";
import { TASK_STATES } from "../core/state.ts";
import { group, operation } from "./operation.ts";
import { named, Time } from "./schema.ts";

const ChangesDocument = named(
  "Changes",
  z.object({
    at: Time,
    tasks: z.array(z.object({
      id: z.string(),
      workflow: z.string().describe("namespace/name"),
      state: z.enum(TASK_STATES),
      turn: z.int().describe("The newest one"),
    })).describe("Tasks that have changed since the last event; none: only a sign of life"),
    isMore: z.boolean().describe("There may be others: read what is shown again"),
    listsMs: z.int().describe(
      "How often a reader should read lists again at most, in ms: longer while many follow changes",
    ),
  }),
);

/** What can be asked of changes. */
export const CHANGES = group("changes", {
  streamChanges: operation({
    method: "GET",
    path: "/v1/changes",
    summary:
      "Streams once a second which tasks have changed, on any node, for pages that show them",
    right: "read",
    repeat: "harmless",
    longLived: "stream",
    answers: {
      200: {
        description: "Changes; resumed by Last-Event-ID",
        mediaType: "text/event-stream",
        event: ChangesDocument,
      },
    },
    errors: ["api.busy", "node.draining"],
  }),
});
