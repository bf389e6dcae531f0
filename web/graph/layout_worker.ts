/** The worker that lays graphs out, so that the page goes on meanwhile. */

import type { LayoutRequest } from "./graph_model.ts";
import { drawingOf } from "./layout.ts";

addEventListener("message", ({ data }: MessageEvent<LayoutRequest>) => {
  postMessage(drawingOf(data));
});
