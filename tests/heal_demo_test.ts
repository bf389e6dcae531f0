import { equal, match } from "node:assert/strict";
import { openClient } from "../src/client.ts";
import { serve, until } from "./support/serve.ts";

const ROOT = new URL("../", import.meta.url).pathname;

Deno.test("the demonstration's worker charges, and is cut off once its gateway is slow", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    await using server = await serve({
      dataDir,
      env: { TASKER_WORKFLOWS: `${ROOT}examples/healing/workflows` },
    });
    const client = openClient(server);
    const worker = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", "--allow-env", `${ROOT}examples/healing/payments.ts`],
      env: { TASKER_URL: server.url, TASKER_KEY: server.key },
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const writer = worker.stdin.getWriter();
    const charge = async () => {
      const { id } = await client.start("demo/checkout", { input: { order: "o", cents: 100 } });
      return id;
    };

    const first = await charge();
    const completed = await until("a charge", 30_000, async () => {
      const task = await client.get(first);
      return task.state === "completed" ? task : undefined;
    });
    await writer.write(new TextEncoder().encode("100\n"));
    const second = await charge();
    const late = await until("an attempt that is cut off", 30_000, async () => {
      const journal = JSON.stringify(await Array.fromAsync(client.journal(second)));
      return journal.includes("timed_out") ? journal : undefined;
    });

    equal(completed.state, "completed");
    match(late, /StepAttemptFailed/);
    await writer.close();
    await worker.status;
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
