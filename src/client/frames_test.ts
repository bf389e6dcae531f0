import { deepEqual, equal } from "node:assert/strict";
import { FrameParser } from "./frames.ts";

Deno.test("FrameParser gives the same frames wherever the text is cut", () => {
  const text =
    ": hi\nretry: 50\r\n\r\nid: 1.1\ndata: a\ndata:b\r\n\nevent: lost\rdata\r\rid: 2\n\n";
  const frames = [
    { id: "1.1", event: "message", data: "a\nb" },
    { id: "1.1", event: "lost", data: "" },
  ];

  for (let size = 1; size <= text.length; size++) {
    const parser = new FrameParser();
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    deepEqual(pieces.flatMap((piece) => parser.push(piece)), frames, `pieces of ${size}`);
    equal(parser.retryMs, 50);
  }
});

Deno.test("FrameParser gives no frame whose end never came", () => {
  deepEqual(new FrameParser().push("id: 1\ndata: half"), []);
});
