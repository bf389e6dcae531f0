/** Services: the parts, and what the API itself keeps beside them. */

import type { Access } from "./access.ts";
import type { LiveFeed } from "./live_feed.ts";
import type { ApiDeps } from "./deps.ts";
import type { StreamMemory } from "./stream_memory.ts";
import type { TaskFrames } from "./task_frames.ts";
import type { TaskReader } from "./task_reader.ts";
import type { OpenConnections } from "./open_connections.ts";
import type { Watch } from "./watch.ts";

/** What handlers work with. */
export interface Services extends ApiDeps {
  readonly access: Access;
  readonly tasks: TaskReader;
  readonly watch: Watch;
  readonly waiting: OpenConnections;
  readonly live: LiveFeed;
  readonly frames: TaskFrames;
  readonly streamMemory: StreamMemory;
}
