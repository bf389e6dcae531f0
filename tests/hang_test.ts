import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { startTask } from "./support/tasks.ts";

const WORKFLOW = `import { step, workflow, z } from "tasker";
const loop = step({
  input: z.object({}),
  success: z.null(),
  run: async ({ attempt }) => {
    // The second server hangs at once, before it has beaten a second time.
    if (attempt === 1) await new Promise((wake) => setTimeout(wake, 3_000));
    for (;;);
  },
});
const rest = step({ input: z.object({}), success: z.null(), run: () => null });
const evil = z.object({ text: z.string().regex(/^(a+)+$/) });
export default [
  workflow({ namespace: "test", name: "loop", version: "1.0.0", input: z.object({}) }, (w) => {
    w.step("loop", loop, { with: () => ({}) });
  }),
  workflow({ namespace: "test", name: "match", version: "1.0.0", input: evil }, (w) => {
    w.step("rest", rest, { with: () => ({}) });
  }),
];`;

/** Waits until the server's event loop answers nothing any more, and sends its launcher SIGTERM. */
async function stopWhenHung(server: Served): Promise<number> {
  await until("the event loop to hang", 60_000, async () => {
    const signal = AbortSignal.timeout(1_500);
    const answer = await fetch(`${server.url}/health/live`, { signal }).catch(() => undefined);
    await answer?.body?.cancel();
    return answer === undefined ? true : undefined;
  });
  Deno.kill(server.launcherPid, "SIGTERM");
  return await server.exited;
}

/** A folder with the workflows above, and what serves them. */
async function withWorkflows(
  use: (options: { dataDir: string; env: Record<string, string> }) => Promise<void>,
): Promise<void> {
  const dataDir = makeDataDir("hang");
  const workflows = `${dataDir}/workflows`;
  await Deno.mkdir(workflows);
  await Deno.writeTextFile(`${workflows}/loop.ts`, WORKFLOW);
  try {
    await use({ dataDir, env: { TASKER_WORKFLOWS: workflows } });
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test("a pattern of a contract that would backtrack for hours is answered", async () => {
  await withWorkflows(async (options) => {
    await using server = await serve(options);

    const { status } = await fetch(`${server.url}/v1/tasks`, {
      method: "POST",
      headers: { authorization: `Bearer ${server.key}`, "content-type": "application/json" },
      body: JSON.stringify({ workflow: "test/match", input: { text: `${"a".repeat(40)}!` } }),
    });

    assert.equal(status, 422);
  });
});

Deno.test("documents that take long hold up no other request", async (t) => {
  await using server = await serve({ dataDir: makeDataDir("hang") });
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${server.url}/v1/documents/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${server.key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return await response.json();
  };

  await t.step("a pattern that would backtrack for hours is answered", async () => {
    const text = `namespace: test
name: match
version: 1.0.0
input:
  type: object
  properties:
    text: { type: string, pattern: "^(.*a)+$" }
    slug: { type: string, pattern: "^([a-z]+-?){1,64}$" }
workflow_steps: [{ name: rest, sleep: 1s }]
`;
    const input = { text: `${"a".repeat(40)}😀`, slug: `${"a".repeat(60)}!` };

    const { problems } = await post("simulate", { text, input });

    assert.deepEqual(problems.map(({ code }: { code: string }) => code), ["input_does_not_fit"]);
  });

  await t.step("others are answered while large ones are checked", async () => {
    const fields = Array.from({ length: 25_000 }, (_, n) => `q${n}: 1\n`).join("");
    const text = `namespace: test\nname: wide\nversion: 1.0.0\n${fields}`;
    let [open, answered] = [3, 0];

    const checks = Array.from(
      { length: open },
      () => post("check", { text }).finally(() => open--),
    );
    while (open > 0 && answered < 100) {
      await (await fetch(`${server.url}/health/live`)).body?.cancel();
      answered++;
    }

    for (const one of await Promise.all(checks)) {
      assert.equal(one.problems?.length, 500, JSON.stringify(one).slice(0, 500));
    }
    // In one process, a few come between the checks.
    assert.ok(answered > 10, `${answered} requests were answered during the checks`);
  });
});

Deno.test("a step that hangs two servers in a row parks, and the third one goes on", async () => {
  await withWorkflows(async (options) => {
    const first = await serve(options);
    const id = await startTask(first, { workflow: "test/loop", input: {} }, "k");

    assert.equal(await stopWhenHung(first), 1);
    assert.equal(await stopWhenHung(await serve(options)), 1);

    await using third = await serve(options);
    const task = await until("the step to park", 20_000, async () => {
      const response = await fetch(`${third.url}/v1/tasks/${id}`, {
        headers: { authorization: `Bearer ${third.key}` },
      });
      const body = await response.json();
      return body.steps?.[0]?.state === "parked" ? body : undefined;
    });
    assert.equal(task.steps[0].attempt, 2);
    assert.match(JSON.stringify(task.steps[0]), /hung_twice/);
    assert.match(JSON.stringify(task.steps[0]), /event loop .* hung/);
  });
});
