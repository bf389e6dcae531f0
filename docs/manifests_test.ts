import { deepEqual, equal, rejects } from "node:assert/strict";
import { openTestEngine, type TestOptions } from "tasker/testing";

const TEXT = await Deno.readTextFile(new URL("manifests.md", import.meta.url));

/** The manifests of the page, by name. */
const MANIFESTS: ReadonlyMap<string, string> = new Map(
  [...TEXT.matchAll(/^```yaml\n(name: (\w+)\n[^]*?)^```$/gm)].map(([, text, name]) =>
    [name ?? "", text ?? ""] as const
  ),
);

async function open(name: string, options: TestOptions = {}) {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, MANIFESTS.get(name) ?? "");
    return await openTestEngine([new URL(`file://${file}`)], options);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("every manifest of the page is run here", () => {
  deepEqual([...MANIFESTS.keys()].sort(), [
    "approval",
    "price_card",
    "reminder",
    "reservation",
    "user_registration",
    "welcome_mail",
  ]);
});

Deno.test("user_registration passes a user through systems, a person, time and a transform", async () => {
  const asked: unknown[] = [];
  await using engine = await open("user_registration", {
    systems: {
      "user.create": ({ input }) => {
        asked.push(input);
        return { user_id: "u-1" };
      },
    },
  });

  const task = await engine.start("onboarding/user_registration", { email: "ada@example.com" });
  await rejects(task.signal("confirm", { ok: "yes" }), {
    code: "contract.violation",
    message: 'Cannot take signal "confirm": it breaks the contract: ok: must be boolean',
  });
  await task.signal("confirm", { ok: true });

  equal(await task.end(), "completed");
  deepEqual(asked, [{ email: "ada@example.com" }]);
  deepEqual(task.output, {
    user_id: "u-1",
    card: { id: "u-1", line: "Welcome, ada@example.com", confirmed: true },
  });
  equal(task.step("tell_support").state, "unreached");
});

Deno.test("user_registration notifies support of the reason when no profile is made", async () => {
  const notified: unknown[] = [];
  await using engine = await open("user_registration", {
    systems: {
      "user.create": ({ fail }) => fail({ error_code: "refused", error_message: "Too many" }),
      "support.notify": ({ input }) => void notified.push(input),
    },
  });

  const task = await engine.start("onboarding/user_registration", { email: "ada@example.com" });

  equal(await task.end(), "failed");
  deepEqual(notified, [{ reason: "Too many" }]);
  equal(task.output, undefined);
});

Deno.test("user_registration does not start with what is no address", async () => {
  await using engine = await open("user_registration");

  await rejects(engine.start("onboarding/user_registration", { email: "ada" }), {
    message: 'Cannot start workflow "onboarding/user_registration": input.email: must match ' +
      'format "email"',
  });
});

Deno.test("approval takes a payload that fits its form, and parks when nobody comes", async () => {
  await using engine = await open("approval");

  const late = await engine.start("default/approval", {});
  equal(await late.end(), "blocked");
  equal(late.step("approve").parkedReason, "timed_out");

  const task = await engine.start("default/approval", {});
  await task.signal("approve", { ok: true, note: "fine" });
  equal(await task.end(), "completed");
  deepEqual(task.step("approve").result, { ok: true, note: "fine" });
});

Deno.test("reminder sleeps for a fixed time, as long as asked, and until a time", async () => {
  await using engine = await open("reminder");
  const task = await engine.start("default/reminder", {
    delay: 5_000,
    until: "2026-02-01T00:00:00+01:00",
  });

  equal(await task.end(), "completed");
  const ends = task.events.flatMap((event) => event.kind === "StepCompleted" ? [event.atMs] : []);
  const began = task.events[0]?.atMs ?? 0;
  deepEqual(ends, [began + 600_000, began + 605_000, Date.UTC(2026, 0, 31, 23)]);
});

Deno.test("welcome_mail calls both hosts, waits as they ask, and gives what they answer", async () => {
  const asked: string[] = [];
  await using engine = await open("welcome_mail", {
    http: ({ method, url, headers, body }) => {
      asked.push(`${method} ${url} ${headers.authorization ?? "-"} ${body}`);
      if (url.startsWith("https://users")) {
        return asked.length === 1 ? { status: 409 } : { status: 201, body: { id: "u/1" } };
      }
      return { status: 201, headers: { location: "/mails/1" }, body: "sent" };
    },
  });
  const task = await engine.start("default/welcome_mail", { email: "ada@b.c", plan: "a&b" });

  equal(await task.end(), "completed");
  deepEqual(task.output, { mail: "/mails/1" });
  deepEqual(asked, [
    'POST https://users.company.com/users Bearer secret:USERS_TOKEN {"email":"ada@b.c"}',
    'POST https://users.company.com/users Bearer secret:USERS_TOKEN {"email":"ada@b.c"}',
    'PUT https://mail.company.com/welcome/u%2F1?plan=a%26b - {"to":"ada@b.c"}',
  ]);
});

Deno.test("reservation asks its system by the same envelope as over a bus", async () => {
  await using engine = await open("reservation", {
    systems: { "stock.reserve": () => ({ reserved: true }) },
  });
  const task = await engine.start("default/reservation", {});

  equal(await task.end(), "completed");
  deepEqual(task.step("reserve").result, { reserved: true });
});

Deno.test("price_card makes its card in the turn that starts the task", async () => {
  await using engine = await open("price_card");
  const task = await engine.start("default/price_card", { sku: "lamp", cents: 99, tags: ["new"] });

  equal(await task.end(), "completed");
  deepEqual(task.output, {
    title: "Article lamp",
    price: { cents: 99, currency: "EUR" },
    first_tag: "new",
  });
  equal(new Set(task.events.map(({ atMs }) => atMs)).size, 1);
});
