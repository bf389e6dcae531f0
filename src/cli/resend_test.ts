import { deepEqual } from "node:assert/strict";
import type { History, TaskFilter, TaskSummary } from "../core/ports.ts";
import { TASK } from "../../tests/support/dispatch_harness.ts";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

Deno.test("webhooks resend goes through all pages of what was given up", async () => {
  const { deps: { history } } = fakeApi();
  const asked: TaskFilter[] = [];
  const tasks: History["tasks"] = (filter) => {
    if (filter.endedSinceMs === undefined) return Promise.resolve({ tasks: [] });
    asked.push(filter);
    const isFirst = filter.after === undefined;
    const page = Array<TaskSummary>(isFirst ? 2 : 1);
    return Promise.resolve({ tasks: page, ...(isFirst && { next: TASK }) });
  };
  const cli = openCliHarness({ deps: { history: { ...history, tasks } } });
  await cli.say(
    ...["webhooks", "put", "billing", "--url", "https://a.test/", "--events", "task.failed"],
    ...["--secret", "S"],
  );

  const { out } = await cli.say(
    ...["webhooks", "resend", "billing", "--since", "2026-01-01T00:00:00Z", "--dry-run"],
  );

  deepEqual(out[0], "3 deliveries would be sent again: leave out --dry-run to do it");
  deepEqual(
    asked.map(({ workflow, states, after }) => ({ workflow, states, after })),
    [undefined, TASK].map((after) => ({
      workflow: "tasker/webhook_billing",
      states: ["failed"],
      after,
    })),
  );
});
