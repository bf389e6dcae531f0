/**
 * `deno task demo:generate`: from a description in plain language to a finished task, in about a minute: a
 * real server with its own Postgres, three systems in processes of their own, no key and no model.
 */

import { inFolder, narrate, orStopped, run, type Server, startServer } from "../demo.ts";

const DESCRIPTION = `I need a workflow that:
1. Validates a new user registration with email verification
2. Creates their profile in our user service
3. Sets up their billing account in Stripe
4. Sends them a welcome email with onboarding steps
5. If anything fails, notify our support team

The user service is a Python FastAPI app, billing is handled by our Node.js payments service.
`;

const SYSTEMS = ["rails_main", "python_users", "node_payments"];

const SERVICE = new URL("service.ts", import.meta.url).pathname;

/** Starts a system, and waits until it is registered. */
async function startService(name: string, { url, key }: Server): Promise<AsyncDisposable> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      `--allow-net=${new URL(url).host}`,
      "--allow-env=TASKER_URL,TASKER_KEY",
      SERVICE,
      name,
    ],
    env: { TASKER_URL: url, TASKER_KEY: key },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const stop = async () => {
    await child.stdin.close();
    await child.status;
    await reader.cancel();
  };
  const first = await orStopped(reader.read()).catch(async (error) => {
    await stop();
    throw error;
  });
  if (first.done) throw new Error(`${name} did not start`);
  return { [Symbol.asyncDispose]: stop };
}

async function demonstrate(folder: string): Promise<boolean> {
  narrate("Starting a server with its own Postgres, and three systems in processes of their own …");
  await Deno.mkdir(`${folder}/workflows`);
  await using server = await startServer(`${folder}/data`, {
    TASKER_WORKFLOWS: `${folder}/workflows`,
  });
  await using stack = new AsyncDisposableStack();
  for (const name of SYSTEMS) stack.use(await startService(name, server));
  await run(server, "systems");

  narrate(`Somebody wants this, and no workflow is there yet:\n\n${DESCRIPTION}`);
  const words = `${folder}/description.txt`;
  const manifest = `${folder}/user_registration.yaml`;
  await Deno.writeTextFile(words, DESCRIPTION);
  const named = ["--name", "user_registration", "--namespace", "onboarding"];
  await run(server, "generate", `@${words}`, ...named, "--out", manifest);

  narrate("What was written, and how it goes when it is rehearsed: nothing is sent to anyone.");
  console.log(`\n${stepsIn(await Deno.readTextFile(manifest))}`);
  await run(server, "rehearse", manifest);

  narrate("It becomes a version of a workflow, without a restart, and a user registers.");
  await run(server, "deploy", manifest, "--reason", "asked for in plain language");
  await start(server, "ada@example.com");

  narrate("Another one registers, whom the payments service refuses: support is notified.");
  await start(server, "broke@example.com");
  return true;
}

/** The part of a manifest in which its steps are. */
function stepsIn(text: string): string {
  return text.slice(text.indexOf("workflow_steps:")).trimEnd();
}

function start(server: Server, email: string): Promise<void> {
  const input = JSON.stringify({ email });
  return run(server, "start", "onboarding/user_registration", "--input", input, "--watch");
}

await inFolder(demonstrate);
