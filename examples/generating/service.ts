/**
 * A system of the demonstration, in a process of its own and without a Tasker library: it registers what
 * it can do, takes commands over HTTP as docs/envelopes.md describes, and makes its answers up. Its name
 * is its argument; when its stdin ends, it ends.
 */

const SYSTEM = Deno.args[0] ?? "";
const SERVER = Deno.env.get("TASKER_URL");
const HEADERS = {
  authorization: `Bearer ${Deno.env.get("TASKER_KEY")}`,
  "content-type": "application/json",
};

/** How long each answer takes. */
const WORK_MS = 300;

type Fields = Readonly<Record<string, string>>;

/** What a system can do: what it takes and gives, and how it does it. */
interface Skill {
  readonly description: string;
  readonly effect: "none" | "idempotent" | "external";
  readonly takes: Fields;
  readonly gives: Fields;
  /** Its answer; a text is why it refuses. */
  do(data: Fields): Fields | string;
}

const SKILLS: Readonly<Record<string, Readonly<Record<string, Skill>>>> = {
  rails_main: {
    "registration.validate": {
      description: "Validates a new registration and verifies its email address",
      effect: "none",
      takes: { email: "email" },
      gives: { email: "email", verified_at: "text" },
      do: ({ email = "" }) => ({ email, verified_at: new Date().toISOString() }),
    },
    "mail.send_welcome": {
      description: "Sends the welcome email with onboarding steps",
      effect: "external",
      takes: { email: "email", user_id: "text" },
      gives: { message_id: "text" },
      do: () => ({ message_id: crypto.randomUUID() }),
    },
    "support.notify": {
      description: "Notifies the support team",
      effect: "external",
      takes: { reason: "text" },
      gives: { ticket_id: "text" },
      do: () => ({ ticket_id: "T-4711" }),
    },
  },
  python_users: {
    "user.create_profile": {
      description: "Creates the profile of a user",
      effect: "idempotent",
      takes: { email: "email" },
      gives: { user_id: "text" },
      do: ({ email = "" }) => ({ user_id: `user-${email.split("@")[0]}` }),
    },
  },
  node_payments: {
    "billing.create_account": {
      description: "Sets up a billing account in Stripe",
      effect: "idempotent",
      takes: { email: "email", user_id: "text" },
      gives: { billing_account_id: "text" },
      do: ({ email = "", user_id }) =>
        email.startsWith("broke@")
          ? "Stripe does not take this customer"
          : { billing_account_id: `acct-${user_id}` },
    },
  },
};

const skills = SKILLS[SYSTEM] ?? {};

function schemaOf(fields: Fields) {
  const properties = Object.entries(fields).map(([name, kind]) => [
    name,
    { type: "string", ...(kind === "email" && { format: "email" }) },
  ]);
  return {
    type: "object",
    required: Object.keys(fields),
    properties: Object.fromEntries(properties),
  };
}

async function send(method: string, path: string, body: unknown): Promise<Response> {
  const request = { method, headers: HEADERS, body: JSON.stringify(body) };
  const response = await fetch(`${SERVER}/v1/${path}`, request);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

async function register(): Promise<void> {
  const capabilities = Object.entries(skills).map((
    [name, { description, effect, takes, gives }],
  ) => ({
    ...{ name, description, effect, version: "1.0.0", timeoutMs: 10_000 },
    input: schemaOf(takes),
    output: schemaOf(gives),
  }));
  await send("PUT", `systems/${SYSTEM}/instances/demo`, { capabilities, leaseMs: 600_000 });
}

/** A command, as far as this program reads it. */
interface Command {
  readonly id: string;
  readonly type: string;
  readonly data: Fields;
  readonly taskerreplytoken?: string;
  readonly [field: string]: unknown;
}

async function answer(command: Command): Promise<void> {
  await new Promise((done) => setTimeout(done, WORK_MS));
  const { subject, correlationid, traceparent, taskerattempt, taskerreplytoken } = command;
  const made = skills[command.type]?.do(command.data) ?? `${command.type} is not known here`;
  const isRefused = typeof made === "string";
  const kind = isRefused ? "failed" : "completed";
  await send("POST", `bus/${SYSTEM}/replies`, {
    specversion: "1.0",
    id: `${command.id}:${kind}`,
    source: `/${SYSTEM}`,
    type: `tasker.step.${kind}`,
    time: new Date().toISOString(),
    causationid: command.id,
    datacontenttype: "application/json",
    ...{ subject, correlationid, traceparent, taskerattempt, taskerreplytoken },
    data: isRefused ? { error_code: "refused", error_message: made, retryable: false } : made,
  });
}

async function work(): Promise<never> {
  for (;;) {
    const polled = await send("POST", `bus/${SYSTEM}/poll`, {
      max: 10,
      waitMs: 2_000,
      leaseMs: 60_000,
    });
    const { envelopes = [] } = await polled.json();
    for (const command of envelopes as Command[]) {
      if (command.taskerreplytoken === undefined) continue;
      answer(command).catch((error) => console.error(`${SYSTEM}: ${error}`));
    }
  }
}

async function listen(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0); // who started it has ended
}

await register();
console.log(`${SYSTEM} is registered`);
await Promise.race([work(), listen()]);
