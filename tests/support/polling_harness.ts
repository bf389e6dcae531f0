/** Polls for tests: a bus in memory, nodes over it, and workers that poll them. */

import assert from "node:assert/strict";
import { MemoryBus } from "../../src/bus/memory.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import type { Delivery, Handled } from "../../src/core/ports.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import { type Poll, Polling, type PollingDeps } from "../../src/dispatch/polling.ts";

/** Where commands for system "cook" go. */
export const CHANNEL = "t.cmd.cook";
/** How long a poll waits unless said. */
export const WAIT_MS = 1_000;
/** How long a worker has what it polled unless said. */
export const LEASE_MS = 10_000;

type Consume = PollingDeps["bus"]["consume"];

/** A bus in memory, and one node that polls it. */
export function openPolling() {
  const runtime = new VirtualRuntime();
  const bus = new MemoryBus({ runtime, log: SILENT_LOG });
  const kept: string[] = [];
  const polling = nodeOver(runtime, bus.consume.bind(bus), undefined, kept);
  /** Publishes, and lets it arrive. */
  const publish = async (...envelopes: readonly unknown[]) => {
    await bus.publish(CHANNEL, envelopes as Envelope[]);
    await runtime.settle();
  };
  const close = async () => {
    polling.stop();
    await bus.close();
    assert.equal(await runtime.step(), false, "a timer is left");
  };
  return { runtime, bus, polling, publish, close, kept, ids: idsOver(runtime, polling) };
}

/** Its engine takes each reply, which answers the envelope that it names as its cause. */
export function nodeOver(
  runtime: VirtualRuntime,
  consume: Consume,
  takeReply: PollingDeps["takeReply"] = (_, reply) =>
    Promise.resolve((reply as Envelope).causationid ?? ""),
  kept: string[] = [],
  ejected?: string,
): Polling {
  const known = new Set(["cook", "waiter"]);
  return new Polling({
    runtime,
    log: SILENT_LOG,
    bus: { consume },
    deadLetters: {
      keep({ body, reason }) {
        kept.push(body);
        return Promise.resolve({ kind: "dead", reason });
      },
    },
    prefix: "t",
    isKnown: (system) => known.has(system),
    // It has registered at another node.
    readInstances: () => Promise.resolve(void known.add("baker")),
    isEjected: (_, instance) => instance === ejected,
    takeReply,
  });
}

/** Polls, and returns the ids of what it got at the end of its wait. */
export function idsOver(runtime: VirtualRuntime, polling: Polling) {
  return async (more: Partial<Poll> = {}) => {
    const polled = polling.poll("cook", pollOf(more));
    await runtime.advance(more.waitMs ?? WAIT_MS);
    return (await polled).map(({ id }) => id);
  };
}

/** Makes a poll; what is not said is as most tests want it. */
export function pollOf(more: Partial<Poll> = {}): Poll {
  const { signal } = new AbortController();
  return { max: 8, waitMs: WAIT_MS, leaseMs: LEASE_MS, signal, ...more };
}

/** Makes a command that wants an answer. */
export function command(id: string, more: Partial<Envelope> = {}): Envelope {
  return {
    specversion: "1.0",
    id,
    source: "/tasker/test",
    type: "tea.make",
    taskerreplytoken: "token",
    data: {},
    ...more,
  };
}

/** Makes an envelope that wants none. */
export function cancelled(id: string): Envelope {
  const { taskerreplytoken: _, ...envelope } = command(id, { type: "tasker.step.cancelled" });
  return envelope as Envelope;
}

/** Makes an answer. */
export function replyTo(id: string, type = "tasker.step.completed"): Envelope {
  return command(`${id}:reply`, { causationid: id, type });
}

/** An AbortSignal that counts who listens. */
export function countedSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const [add, remove] = [
    signal.addEventListener.bind(signal),
    signal.removeEventListener.bind(signal),
  ];
  signal.addEventListener = ((...of: Parameters<typeof add>) => (listeners++, add(...of))) as never;
  signal.removeEventListener =
    ((...of: Parameters<typeof remove>) => (listeners--, remove(...of))) as never;
  return { controller, signal, listeners: () => listeners };
}

/** A bus whose consuming begins when the test says so. */
export function slowBus() {
  const opening = Promise.withResolvers<void>();
  const handles: ((delivery: Delivery) => Promise<Handled>)[] = [];
  let ends = 0;
  const consume: Consume = async (_, __, handle) => {
    handles.push(handle);
    await opening.promise;
    return () => Promise.resolve(void ends++);
  };
  const deliver = (envelope: Envelope) => {
    const [handle] = handles;
    assert.ok(handle !== undefined);
    return handle({ body: JSON.stringify(envelope), deliveries: 1 });
  };
  return { opening, consume, deliver, ends: () => ends };
}
