/** Requests of other systems for tests, and who consumes them. */

import type { Answer } from "../core/command.ts";
import type { Envelope } from "../core/envelope.ts";
import type { StartRequest } from "../core/ports.ts";
import { DispatchHarness, planFor, TASK } from "./_dispatch_harness.ts";
import { openInbound } from "./inbound.ts";

/** Where system "shop" asks. */
export const IN = "t.in.shop";
/** Where it looks for answers. */
export const ANSWERS = "t.cmd.shop";

/** What a start is answered with. */
export const STARTED: Answer = { taskId: TASK, turn: 1, changed: true };

/** Consumes requests of two systems; "shop" may use namespace "test", "mail" nothing. */
export function openAsked() {
  const stage = new DispatchHarness();
  const starts: StartRequest[] = [];
  const played = {
    start: (_: StartRequest): Promise<Answer> => Promise.resolve(STARTED),
    publish: stage.bus.publish.bind(stage.bus),
  };
  const end = openInbound({
    ...stage,
    runtime: stage.runtime,
    bus: {
      consume: stage.bus.consume.bind(stage.bus),
      publish: (channel, envelopes) => played.publish(channel, envelopes),
    },
    starter: {
      start(request) {
        starts.push(request);
        return played.start(request);
      },
    },
    planOf: (taskId) => Promise.resolve(taskId === TASK ? planFor() : undefined),
    // planFor() is of namespace "test".
    mayStart: (system, namespace) => system === "shop" && namespace === "test",
  }, ["shop", "mail"]);
  return { stage, starts, played, end };
}

/** Makes a request of system "shop". */
export function request(type: string, data: unknown, more: Partial<Envelope> = {}): Envelope {
  return {
    specversion: "1.0",
    id: "r-1",
    source: "/shop",
    type: `tasker.task.${type}`,
    taskerreplyto: ANSWERS,
    data,
    ...more,
  };
}

/** Makes a request to start a task. */
export function start(data: Record<string, unknown> = {}, more: Partial<Envelope> = {}): Envelope {
  return request("start", { workflow: "test/played", input: { sku: "a" }, ...data }, more);
}

/** A request without a place for its answer. */
export function mute({ taskerreplyto: _, ...envelope }: Envelope): Envelope {
  return envelope as Envelope;
}
