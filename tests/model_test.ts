import { deepEqual, equal, match, ok } from "node:assert/strict";
import { serve } from "./support/serve.ts";

const KEY = "sk-canary-of-the-model-0123456789";

Deno.test("a server with a model serves, shows it, and does not have its key", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    await using server = await serve({
      dataDir,
      env: {
        TASKER_MODEL_URL: "http://127.0.0.1:9/v1",
        TASKER_MODEL: "scripted",
        TASKER_MODEL_KEY: KEY,
        TASKER_EGRESS: "127.0.0.1",
      },
    });

    const answer = await fetch(`${server.url}/health`, {
      headers: { authorization: `Bearer ${server.key}` },
    });
    const { checks } = await answer.json() as { checks: { name: string; detail: string }[] };
    const environment = await Deno.readTextFile(`/proc/${server.pid}/environ`);

    equal(
      checks.find(({ name }) => name === "model")?.detail,
      "scripted at 127.0.0.1:9; not asked since the start",
    );
    match(environment, /TASKER_MODEL_KEY=kept-by-the-guard/);
    deepEqual([environment, server.said()].filter((text) => text.includes(KEY)), []);
    ok(!server.said().includes("WARN"), server.said());
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
