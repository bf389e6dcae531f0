import { deepEqual, equal, rejects } from "node:assert/strict";
import {
  all,
  commit,
  ended,
  openClientHarness,
  settled,
  started,
} from "../../tests/support/client_harness.ts";

const JOURNALS = { what: "journals" } as const;

Deno.test("export() gives every line once, wherever its connections are cut", async () => {
  for (let bytes = 0; bytes < 2_500; bytes += 61) {
    const harness = openClientHarness();
    const ids = [(await started(harness)).id, (await started(harness)).id].toSorted().reverse();
    for (const id of ids) commit(harness.fake, id, 0, ended(harness.fake));
    const events = ids.flatMap((id) => ["1.1", "2.1", "2.2", "2.3"].map((at) => `${id}.${at}`));

    harness.faults.push(bytes, "refused", bytes / 3);
    const tasks = await settled(harness, all(harness.client.export({})));
    harness.faults.push(bytes, "refused", bytes / 3);
    const journals = await settled(harness, all(harness.client.export(JOURNALS)));

    deepEqual(tasks.map(({ place }) => place), ids, `cut after ${bytes} bytes`);
    deepEqual(journals.map(({ place }) => place), events, `cut after ${bytes} bytes`);
  }
});

Deno.test("export() gives up when no connection brings a line", async () => {
  const harness = openClientHarness();
  await started(harness);
  harness.faults.push(...Array.from({ length: 9 }, () => 0));

  await rejects(settled(harness, all(harness.client.export({}))), { code: "client.unreachable" });

  equal(harness.faults.length, 3, "each connection in vain is counted");
});

Deno.test("export() leaves a body that falls silent, and goes on with another", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);
  harness.answers.push(new Response(new ReadableStream()));

  const lines = await settled(harness, all(harness.client.export({})));

  deepEqual(lines.map(({ place }) => place), [id]);
  equal(harness.requests.length, 3);
});
