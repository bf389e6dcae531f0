/** Places of a graph's steps, computed by a worker beside the page. */

import { useEffect, useMemo, useState } from "react";
import type { Drawing, GraphEdge, GraphStep, LayoutRequest } from "./graph_model.ts";

/** The worker's script, beside the other files of the build. */
const WORKER_URL = new URL("graph/layout_worker.js", import.meta.url);

/** Layouts that are kept: a page shows one graph, and goes back and forth between a few. */
const KEPT_MAX = 20;

/** Asks one worker, one graph after the other; what was asked before is known at once. */
class LayoutQueue {
  readonly #kept = new Map<string, Promise<Drawing>>();
  #last: Promise<unknown> = Promise.resolve();
  #worker: Worker | undefined;

  drawingOf(key: string): Promise<Drawing> {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const asked = this.#last.then(() => this.#ask(JSON.parse(key)));
    this.#last = asked.catch(() => {});
    this.#kept.set(key, asked);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest);
    asked.catch(() => this.#kept.delete(key));
    return asked;
  }

  #ask(request: LayoutRequest): Promise<Drawing> {
    this.#worker ??= new Worker(WORKER_URL, { type: "module" });
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Drawing>) => resolve(data);
      worker.onerror = ({ message }) => {
        worker.terminate();
        this.#worker = undefined;
        reject(new Error(`Cannot lay out the graph: ${message || "its worker does not start"}`));
      };
      worker.postMessage(request);
    });
  }
}

const queue = new LayoutQueue();

/** What is known of a layout: the drawing of an earlier graph stays until the new one is there. */
export interface Layout extends Drawing {
  /** Whether the drawing is of this graph. */
  readonly isCurrent: boolean;
  readonly error?: Error;
}

/** Lays a graph out when its names or edges change. */
export function useLayout(steps: readonly GraphStep[], edges: readonly GraphEdge[]): Layout {
  const key = useMemo(() => keyOf(steps, edges), [steps, edges]);
  const [found, setFound] = useState<{ key: string; drawing: Drawing; error?: Error }>();
  useEffect(() => {
    let isLeft = false;
    queue.drawingOf(key).then(
      (drawing) => isLeft || setFound({ key, drawing }),
      (error: Error) =>
        isLeft || setFound((before) => ({ drawing: NOTHING, ...before, key, error })),
    );
    return () => {
      isLeft = true;
    };
  }, [key]);
  return useMemo(() => ({
    ...(found?.drawing ?? NOTHING),
    isCurrent: found?.key === key,
    ...(found?.error !== undefined && { error: found.error }),
  }), [found, key]);
}

const NOTHING: Drawing = { places: new Map(), routes: new Map() };

function keyOf(steps: readonly GraphStep[], edges: readonly GraphEdge[]): string {
  const request: LayoutRequest = {
    names: steps.map(({ name }) => name),
    edges: edges.map(({ from, to }) => ({ from, to })),
  };
  return JSON.stringify(request);
}
