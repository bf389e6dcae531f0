import assert from "node:assert/strict";
import { mintTaskId } from "../src/core/ids.ts";
import { NULL_TEXT } from "../src/core/payload.ts";
import { Mailbox, MAILBOX_MAX } from "./mailbox.ts";

const taskId = mintTaskId(0, 0, "00000000-0000-4000-8000-000000000000");

Deno.test("signs of life do not pile up without bound, and keep no result out", () => {
  const mailbox = new Mailbox();
  const beat = { kind: "RecordProgress", taskId, step: 0, attempt: 1 } as const;
  for (let count = 0; count < MAILBOX_MAX; count++) mailbox.put({ command: beat, failedTries: 0 });

  assert.throws(() => mailbox.put({ command: beat, failedTries: 0 }), { code: "mailbox.full" });
  const outcome = { kind: "completed", result: NULL_TEXT } as const;
  mailbox.put({ command: { ...beat, kind: "RecordStepResult", outcome }, failedTries: 0 });

  assert.equal(mailbox.size, MAILBOX_MAX + 1);
});
