import { deepEqual, equal } from "node:assert/strict";
import { MANIFESTS } from "./mcp/workflows.ts";
import { makeDataDir } from "./support/data_dir.ts";
import { npmTools } from "./support/npm_tools.ts";
import { serve } from "./support/serve.ts";

/** Scenarios of the Tasks extension that the suite runs, and what it cannot judge in them itself. */
const TASK_SCENARIOS = 10;

/** Scenarios that the revision requires of a server. */
const REQUIRED = 37;

/** Starts the build with the fixtures, and returns where it is. */
async function conformanceServer(env: Record<string, string>) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", "tests/mcp/conformance_server.ts"],
    cwd: new URL("..", import.meta.url).pathname,
    env,
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  return {
    url: value.trim(),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}

/** Scenarios of 2025-11-25 that need a session, which a server without state has not, by what they need. */
const NEED_SESSION: Readonly<Record<string, string>> = {
  "logging-set-level": "a level is kept for a session; the next revision has none",
  "tools-call-with-logging": "its lines follow that level",
  "tools-call-sampling": "the client answers a request of the server in a session",
  "tools-call-elicitation": "the same",
  "elicitation-sep1034-defaults": "the same",
  "elicitation-sep1330-enums": "the same",
  "resources-subscribe": "changes are sent in a session",
  "resources-unsubscribe": "the same",
};

/** Scenarios that 2025-11-25 requires of a server. */
const REQUIRED_2025 = 30;

/** How a scenario ended. */
interface Ended {
  readonly name: string;
  readonly passed: boolean;
}

/** Scenarios in the order of the summary: those that are required, and then the others. */
function endedIn(out: string): readonly Ended[] {
  const lines = out.slice(out.indexOf("=== SUMMARY ===")).split("\n");
  return lines.flatMap((line) => {
    const [, sign, name = ""] = /^([✓✗]) ([\w-]+): \d+ passed/.exec(line) ?? [];
    return sign === undefined ? [] : [{ name, passed: sign === "✓" }];
  });
}

/** Scenarios that count towards a revision. */
function scoredIn(out: string): readonly Ended[] {
  const unscored = new Set(
    [...out.matchAll(/^ {2}[✓✗] ([\w-]+) \(/gm)].map(([, name = ""]) => name),
  );
  return endedIn(out).filter(({ name }) => !unscored.has(name));
}

/** Runs the suite for a revision against a server with the fixtures; undefined: it cannot be run here. */
async function conform(revision: string): Promise<string | undefined> {
  const tools = await npmTools();
  if ("reason" in tools) return void console.log(`not run: ${tools.reason}`);
  const dataDir = makeDataDir("mcp-conformance");
  await Deno.mkdir(`${dataDir}/workflows`);
  for (const [name, text] of Object.entries(MANIFESTS)) {
    await Deno.writeTextFile(`${dataDir}/workflows/${name}`, text);
  }
  try {
    await using server = await serve({
      dataDir,
      env: { TASKER_WORKFLOWS: `${dataDir}/workflows` },
    });
    await using mcp = await conformanceServer({ TASKER_URL: server.url, TASKER_KEY: server.key });
    const { out } = await tools.run("conformance", [
      ...["server", "--url", mcp.url, "--requirements", revision, "-o", `${dataDir}/results`],
    ]);
    return out;
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test("the conformance suite of MCP passes, 37 of 37, with its ten scenarios of tasks", async () => {
  const out = await conform("2026-07-28");
  if (out === undefined) return;

  const ended = endedIn(out);
  const required = ended.slice(0, REQUIRED);
  const tasks = ended.filter(({ name }) => name.startsWith("tasks-"));
  deepEqual(required.filter(({ passed }) => !passed), []);
  deepEqual(tasks.filter(({ passed }) => !passed), []);
  equal(required.length, REQUIRED);
  equal(tasks.length, TASK_SCENARIOS);
});

Deno.test("of 2025-11-25, what fails is what needs a session, and nothing else: 22 of 30 pass", async () => {
  const out = await conform("2025-11-25");
  if (out === undefined) return;

  const scored = scoredIn(out);
  const failed = scored.flatMap(({ name, passed }) => passed ? [] : [name]);
  deepEqual(failed.toSorted(), Object.keys(NEED_SESSION).toSorted());
  equal(scored.length, REQUIRED_2025);
});
