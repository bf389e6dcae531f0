import assert from "node:assert/strict";
import fc from "fast-check";
import { eventsOf, KINDS, turns } from "../../tests/support/events.ts";
import { Bug, TaskerError } from "../core/errors.ts";
import type { Event, Turn } from "../core/event.ts";
import { mintTaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";
import { decodeTurn, encodeTurn, FORMAT_READ } from "./codec.ts";
import { LAYOUT_OF, LAYOUT_OF_NUMBER } from "./codec.ts";
import views from "./sql/0023_choices.sql" with { type: "text" };
import readViews from "./sql/0031_read_views.sql" with { type: "text" };

const SEED = Number(Deno.env.get("CODEC_SEED") ?? Date.now() % 2 ** 31);
const RUNS = { numRuns: 200, seed: SEED };
console.log(`codec: CODEC_SEED=${SEED}`);

const MINTED_MS = 1_767_225_600_000;
const TASK = mintTaskId(MINTED_MS, 7, "00000000-0000-4000-8000-000000000001");

Deno.test("kinds and fields of events are those of the newest format that this version reads", () => {
  const fields = [...LAYOUT_OF.values()].reduce((sum, { fields }) => sum + fields.length, 0);

  // Whoever adds one raises FORMAT_READ with it: older nodes then leave such tasks to newer ones.
  assert.deepEqual([FORMAT_READ, LAYOUT_OF.size, fields], [4, 21, 80]);
});

for (const kind of KINDS) {
  Deno.test(`the codec gives back each ${kind} as it was, its optional fields absent or not`, () => {
    const property = fc.property(eventsOf(kind), (event) => {
      const turn = { turn: 1, commandIds: [], events: [event] };
      assert.deepEqual(decodeTurn(TASK, 1, encodeTurn(TASK, turn)), turn);
    });

    fc.assert(property, RUNS);
  });
}

Deno.test("the codec gives back turns of many events and commands as they were", () => {
  const property = fc.property(turns, (turn) => {
    assert.deepEqual(decodeTurn(TASK, turn.turn, encodeTurn(TASK, turn)), turn);
  });

  fc.assert(property, RUNS);
});

Deno.test("a row holds no character U+001F, which parts the rows of a flush", () => {
  const property = fc.property(turns, (turn) => {
    assert.ok(!encodeTurn(TASK, turn).includes("\u001f"));
  });

  fc.assert(property, RUNS);
  assert.ok(!encodeTurn(TASK, turnOf(paused("\u001f"))).includes("\u001f"));
});

Deno.test("a turn as text is small numbers, and its payloads as they are", () => {
  const turn = turnOf(
    {
      kind: "StepCompleted",
      atMs: MINTED_MS + 120,
      step: 3,
      attempt: 1,
      ranMs: 17,
      result: '{"sku":["a"]}' as JsonText,
    },
    {
      kind: "StepStarted",
      atMs: MINTED_MS + 121,
      step: 4,
      attempt: 1,
      waitedMs: 1,
      policyVersion: 0,
      dueAtMs: MINTED_MS + 30_121,
    },
  );

  const text = encodeTurn(TASK, turn);

  assert.equal(text, '[1,120,[],[4,0,3,1,17,{"sku":["a"]}],[2,1,4,1,1,0,30000]]');
});

Deno.test("absent fields are left out at the end and null before a present one", () => {
  const started: Event = {
    kind: "TaskStarted",
    atMs: MINTED_MS,
    definitionHash: "h",
    input: "null" as JsonText,
    tags: [],
  };

  assert.equal(encodeTurn(TASK, turnOf(started)), '[1,0,[],[1,0,"h",null,[]]]');
  assert.equal(
    encodeTurn(TASK, turnOf({ ...started, traceparent: "t" })),
    '[1,0,[],[1,0,"h",null,[],null,null,"t"]]',
  );
});

Deno.test("an absent result and the result null are two things", () => {
  const skipped: Event = { kind: "StepSkipped", atMs: MINTED_MS, step: 0, by: "a", reason: "b" };
  const withNull: Event = { ...skipped, result: "null" as JsonText };

  assert.deepEqual(decoded(skipped), skipped);
  assert.deepEqual(decoded(withNull), withNull);
});

for (const wrong of [NaN, Infinity, -Infinity]) {
  Deno.test(`encodeTurn() takes ${wrong} for a bug: nobody could read the row again`, () => {
    const event: Event = { kind: "StepSlept", atMs: MINTED_MS, step: 0, dueAtMs: wrong };

    assert.throws(() => encodeTurn(TASK, turnOf(event)), Bug);
    assert.throws(() => encodeTurn(TASK, turnOf({ ...event, dueAtMs: 0, atMs: wrong })), Bug);
  });
}

for (
  const [what, text] of [
    ["another format", "[2,0,[]]"],
    ["an unknown kind of event", "[1,0,[],[99,0]]"],
    ["more fields than it knows", "[1,0,[],[12,0,3,4]]"],
    ["no JSON", "[1,0,"],
    ["no array", '{"format":2}'],
    ["null", "null"],
    ["an event that is no array", "[1,0,[],null]"],
  ]
) {
  Deno.test(`decodeTurn() refuses a row that holds ${what}, and says which row`, () => {
    assert.throws(() => decodeTurn(TASK, 4, text as string), (error: unknown) => {
      assert.ok(error instanceof TaskerError);
      assert.equal(error.code, "journal.format_unknown");
      assert.deepEqual(error.ids, { taskId: TASK, turn: 4 });
      return true;
    });
  });
}

Deno.test("the view tasker.event_kind has the numbers, names and places of payloads of the codec", () => {
  const rows = [...views.matchAll(/^ {4}\((\d+), '(\w+)', (\d+|null)\)/gm)];

  assert.deepEqual(
    rows.map(([, number, name, at]) => [Number(number), name, at === "null" ? null : Number(at)]),
    KINDS.map((kind) => {
      const { number, fields } = LAYOUT_OF.get(kind)!;
      const at = fields.findLastIndex(({ shape }) => shape === "payload" || shape === "failure");
      return [number, kind, at === -1 ? null : at + 2];
    }),
  );
});

Deno.test("the views of events take the step's name of each kind that begins with a step", () => {
  const ofSteps = [...LAYOUT_OF_NUMBER.values()].filter((one) => one.fields[0]?.name === "step");
  const numbers = ofSteps.map((one) => one.number);

  for (const text of [views, readViews]) {
    const [, from, to, other] =
      /(?:k\.number|::int) between (\d+) and (\d+) or [^=\n]+ = (\d+)/.exec(text) ?? [];
    assert.deepEqual(numbers, [
      ...Array.from({ length: Number(to) - Number(from) + 1 }, (_, at) => Number(from) + at),
      Number(other),
    ]);
  }
});

Deno.test("the views of tasker_read find each field of an event where the codec puts it", () => {
  const at = (kind: Event["kind"], name: string) =>
    LAYOUT_OF.get(kind)!.fields.findIndex((field) => field.name === name) + 2;

  const places = [
    [`when 4 then a.end_fields ->> ${at("StepCompleted", "instance")}`, "completed by"],
    [`when 5 then a.end_fields ->> ${at("StepAttemptFailed", "instance")}`, "failed by"],
    [`when 7 then a.end_fields ->> ${at("StepFailed", "instance")}`, "failed for good by"],
    [`when 8 then a.end_fields ->> ${at("StepParked", "instance")}`, "parked by"],
    [`when 5 then a.end_fields -> ${at("StepAttemptFailed", "failure")} -> 1`, "failure"],
    [`when 7 then a.end_fields -> ${at("StepFailed", "failure")} -> 1`, "failure for good"],
    [`when 8 then a.end_fields -> ${at("StepParked", "failure")} -> 1`, "failure when parked"],
    [`(a.fields ->> ${at("StepStarted", "waitedMs")})::float8 as waited_ms`, "wait"],
    [`(a.fields ->> ${at("StepStarted", "policyVersion")})::int as policy_version`, "policy"],
    [`a.fields ->> ${at("StepStarted", "system")} as system`, "system"],
    [`when e.kind = 20 then e.fields ->> ${at("TaskEnded", "end")} end as task_end`, "end"],
    [`when e.kind in (15, 16, 17) then e.fields ->> ${at("TaskPaused", "by")}`, "operator"],
    [`when e.kind in (9, 10, 11, 21) then e.fields ->> ${at("StepChosen", "by")}`, "chooser"],
  ] as const;

  for (const [sql, what] of places) assert.ok(readViews.includes(sql), `${what}: ${sql}`);
});

Deno.test("no two kinds of event share a number", () => {
  assert.equal(LAYOUT_OF_NUMBER.size, LAYOUT_OF.size);
  assert.deepEqual([...LAYOUT_OF.keys()], KINDS);
});

function turnOf(...events: Event[]): Turn {
  return { turn: 1, commandIds: [], events };
}

function paused(reason: string): Event {
  return { kind: "TaskPaused", atMs: MINTED_MS, by: "ada", reason };
}

function decoded(event: Event): Event | undefined {
  return decodeTurn(TASK, 1, encodeTurn(TASK, turnOf(event))).events[0];
}

Deno.test("a turn remembers which of its commands changed nothing", () => {
  const turn = { ...turnOf(paused("so")), commandIds: ["a", "b"], idleIds: ["b"] };

  const text = encodeTurn(TASK, turn);

  assert.ok(text.startsWith('[1,0,["a","b",["b"]],'));
  assert.deepEqual(decodeTurn(TASK, 1, text), turn);
});
