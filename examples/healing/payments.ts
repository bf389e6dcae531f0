/**
 * The worker of the demonstration: charges cards over a gateway that is made up. It takes commands over
 * HTTP, as docs/envelopes.md describes. A line on its stdin sets how many times slower the gateway is.
 */

const URL = `${Deno.env.get("TASKER_URL")}/v1/bus/demo_payments`;
const HEADERS = {
  authorization: `Bearer ${Deno.env.get("TASKER_KEY")}`,
  "content-type": "application/json",
};

/** Half of all charges take less, when nothing is wrong. */
const MEDIAN_MS = 250;

/** How widely they differ: the natural logarithm has this standard deviation. */
const SPREAD = 0.4;

/** Commands in hand at once. */
const IN_HAND_MAX = 100;

let timesSlower = 1;
let inHand = 0;

/** A command, as far as this worker reads it. */
interface Command {
  readonly id: string;
  readonly type: string;
  readonly taskerreplytoken?: string;
  readonly [field: string]: unknown;
}

async function post(path: string, body: unknown): Promise<Response> {
  const response = await fetch(`${URL}/${path}`, {
    method: "POST",
    headers: HEADERS,
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

/** The gateway: durations are log-normal, as those of most services. */
async function charged(): Promise<string> {
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) *
    Math.cos(2 * Math.PI * Math.random());
  const ms = MEDIAN_MS * timesSlower * Math.exp(SPREAD * normal);
  await new Promise((done) => setTimeout(done, ms));
  return crypto.randomUUID();
}

async function answer(command: Command): Promise<void> {
  inHand += 1;
  try {
    const { subject, correlationid, traceparent, taskerattempt, taskerreplytoken } = command;
    await post("replies", {
      specversion: "1.0",
      id: `${command.id}:completed`,
      source: "/demo_payments",
      type: "tasker.step.completed",
      time: new Date().toISOString(),
      causationid: command.id,
      datacontenttype: "application/json",
      ...{ subject, correlationid, traceparent, taskerattempt, taskerreplytoken },
      data: { transaction: await charged() },
    });
  } catch (error) {
    console.error(`demo_payments: ${error}`);
  } finally {
    inHand -= 1;
  }
}

async function work(): Promise<never> {
  for (;;) {
    const max = IN_HAND_MAX - inHand;
    const polled = max > 0
      ? await post("poll", { max, waitMs: 2_000, leaseMs: 60_000 })
      : undefined;
    const { envelopes = [] } = await polled?.json() ?? {};
    for (const command of envelopes as Command[]) {
      if (command.taskerreplytoken !== undefined) void answer(command);
    }
    if (polled === undefined) await new Promise((done) => setTimeout(done, 50));
  }
}

async function listen(): Promise<void> {
  for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    timesSlower = Number(line.trim()) || 1;
  }
  Deno.exit(0); // who started it has ended
}

await Promise.race([work(), listen()]);
