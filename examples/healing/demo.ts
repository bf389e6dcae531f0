/**
 * `deno task demo:heal`: one incident, from the first slow answer to the change that is kept, in some
 * two and a half minutes; `--stay` goes on until Ctrl-C. A real server with its own Postgres, a real
 * worker in a process of its own, no key.
 *
 * A shop charges cards over a gateway. After a while the gateway takes three times as long, so that
 * attempts are cut off by their time-out. Tasker notices, finds out why, lets a share of the tasks try
 * a longer time-out, compares, and keeps it.
 */

import { type Client, openClient } from "../../src/client.ts";
import { inFolder, narrate, orStopped, pause, run, type Server, startServer } from "../demo.ts";

/** What is made faster than in earnest, so that nobody waits: a window is a minute otherwise. */
const WINDOW = "10s";

/** Tasks a second. */
const RATE = 8;

/** How long everything is well; a step is compared with what it did before. */
const WELL_MS = 60_000;

/** When the demonstration gives up waiting for the incident to end. */
const HEALED_MS_MAX = 240_000;

const HERE = new URL(".", import.meta.url).pathname;

interface Worker extends AsyncDisposable {
  /** From now on the gateway takes so many times as long. */
  slowDown(times: number): Promise<void>;
}

function startWorker({ url, key }: Server): Worker {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      `--allow-net=${new URL(url).host}`,
      "--allow-env=TASKER_URL,TASKER_KEY",
      `${HERE}payments.ts`,
    ],
    env: { TASKER_URL: url, TASKER_KEY: key },
    stdin: "piped",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  return {
    slowDown: (times) => writer.write(new TextEncoder().encode(`${times}\n`)),
    async [Symbol.asyncDispose]() {
      await writer.close();
      await child.status;
    },
  };
}

/** Starts tasks at a fixed rate until it is disposed of. */
function startLoad(client: Client): Disposable {
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    const input = { order: `order-${count}`, cents: 1_000 + count };
    client.start("demo/checkout", { input }).catch((error) => console.error(String(error)));
  }, 1_000 / RATE);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

type Incident = Awaited<ReturnType<typeof incidentOf>>;

/** The oldest incident that was not passed over. */
async function incidentOf(client: Client, passed: ReadonlySet<string>) {
  const { incidents } = await client.call("listIncidents", { workflow: "demo/checkout" });
  const first = incidents.toReversed().find(({ id }) => !passed.has(id));
  return first && await client.call("getIncident", { incident: first.id });
}

/** What is new in an incident, in words. */
const STEPS: readonly ((incident: NonNullable<Incident>) => string | undefined)[] = [
  ({ degradation: { signal, now, before, step } }) => {
    const [was, is] = [percent(before.failedShare), percent(now.failedShare)];
    return `An incident has started, seen by ${signal}: "${step}" does worse than it did` +
      (was === is ? "." : ` (${was} → ${is} of its attempts fail).`);
  },
  ({ finding }) => finding && `Diagnosis: ${finding.failureType}, ${finding.says}.`,
  ({ proposals, chosen }) => {
    const proposal = proposals.find(({ id }) => id === chosen);
    return proposal &&
      `Proposal (${proposal.tier}): ${proposal.action.kind}. ${proposal.expected}.`;
  },
  ({ applied }) =>
    applied && (applied.isApplied ? `Applied: ${applied.says}.` : "Nothing is changed."),
  ({ verdict }) =>
    verdict &&
    (verdict.verdict === "none" ? "So there is nothing to compare." : `Compared: ${verdict.says}.`),
  ({ conclusion }) => conclusion && `Conclusion: ${conclusion.outcome}; ${conclusion.says}.`,
  ({ lesson }) =>
    lesson?.after && `Since then ${percent(lesson.after.failedShare)} of its attempts fail.`,
];

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/**
 * Follows the incident that changes something to its end; undefined: there was none in time. One that
 * begins in the first seconds may end with nothing to change yet.
 */
async function follow(client: Client): Promise<Incident> {
  const until = Date.now() + HEALED_MS_MAX;
  const passed = new Set<string>();
  let shown = 0;
  while (Date.now() < until) {
    const incident = await incidentOf(client, passed);
    for (; incident && shown < STEPS.length; shown += 1) {
      const text = STEPS[shown]?.(incident);
      if (text === undefined) break;
      narrate(text);
    }
    if (shown === STEPS.length) return incident;
    if (incident?.conclusion?.outcome === "not_applied") {
      passed.add(incident.id);
      shown = 0;
      continue;
    }
    await pause(1_000);
  }
}

async function demonstrate(dataDir: string): Promise<boolean> {
  narrate("Starting a server with its own Postgres, and a worker that charges cards …");
  await using server = await startServer(dataDir, {
    TASKER_WORKFLOWS: `${HERE}workflows`,
    TASKER_HEAL_WINDOW: WINDOW,
  });
  await using worker = startWorker(server);
  const client = openClient(server);
  using _load = startLoad(client);
  narrate(
    `${RATE} orders a second. A charge takes a quarter of a second, and is cut off after one.`,
  );
  await pause(WELL_MS);
  await run(server, "stats", "demo/checkout");

  narrate("Now the gateway takes three times as long. Nobody says so to Tasker.");
  await worker.slowDown(3);
  const incident = await follow(client);
  if (incident === undefined) {
    narrate("No incident came to its end in time: this machine may be too busy.");
    await run(server, "incidents");
    return false;
  }
  await run(server, "incidents");
  await run(server, "incidents", incident.id);
  if (!Deno.args.includes("--stay")) return true;
  narrate(
    "All of it goes on until Ctrl-C. In another terminal:\n" +
      `  export TASKER_DATA=${dataDir}\n` +
      `  deno task tasker proposals revert ${incident.id}\n` +
      "  deno task tasker policies demo/checkout\n" +
      "  deno task tasker stats demo/checkout",
  );
  return await orStopped(new Promise<never>(() => {}));
}

await inFolder(demonstrate);
