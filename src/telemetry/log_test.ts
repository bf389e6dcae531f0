import { deepEqual, equal, match, ok } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { type LogLevel, openLog } from "./log.ts";
import { LOG_TEXT_LENGTH_MAX } from "./redact.ts";

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function collect(level: LogLevel, terminal = false) {
  const lines: string[] = [];
  const log = openLog({ level, terminal, write: (line) => lines.push(line), now: () => AT_MS });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line)) };
}

Deno.test("openLog() writes one JSON line an occurrence when there is no terminal", () => {
  const { log, lines, parsed } = collect("info");

  log.info("Task started", { taskId: "t1", steps: 3 });

  deepEqual(parsed(), [
    {
      taskId: "t1",
      steps: 3,
      time: "2026-01-02T03:04:05.678Z",
      level: "info",
      text: "Task started",
    },
  ]);
  ok(lines[0]?.endsWith("}\n"));
});

Deno.test("openLog() writes a readable line when there is a terminal", () => {
  const { log, lines } = collect("info", true);

  log.warn("Slow flush", { rows: 12, table: "the journal" });

  const plain = ["\x1b[0m", "\x1b[2m", "\x1b[33m"].reduce(
    (text, colour) => text.replaceAll(colour, ""),
    lines.join(""),
  );
  equal(plain, '03:04:05.678 WARN  Slow flush rows=12 table="the journal"\n');
});

Deno.test("openLog() drops what is less severe than its level", () => {
  const { log, parsed } = collect("warn");

  log.debug("no");
  log.info("no");
  log.warn("yes");
  log.error("yes");

  deepEqual(parsed().map((line) => line.level), ["warn", "error"]);
});

Deno.test("a log with fields writes them on every line", () => {
  const { log, parsed } = collect("debug");

  log.with({ node: "n1" }).with({ slot: 7 }).debug("Claimed", { taskId: "t1" });

  const [{ node, slot, taskId }] = parsed();
  deepEqual({ node, slot, taskId }, { node: "n1", slot: 7, taskId: "t1" });
});

Deno.test("a log hides secrets by the names of their fields, at any depth", () => {
  const { log, parsed } = collect("info");

  log.info("Connected", {
    key: "a",
    apiKey: "a",
    reply_token: "a",
    headers: { authorization: "a", cookie: "a", host: "h" },
    keyId: "k1",
  });

  const [{ time: _time, level: _level, text: _text, ...fields }] = parsed();
  deepEqual(fields, {
    key: "***",
    apiKey: "***",
    reply_token: "***",
    headers: { authorization: "***", cookie: "***", host: "h" },
    keyId: "k1",
  });
});

Deno.test("a log never holds a payload", () => {
  const { log, lines } = collect("info");

  log.info("Odd", { input: { card: "4111" }, result: "4111", payload: [4111], body: "4111" });

  ok(!lines.join("").includes("4111"));
});

Deno.test("a log hides passwords inside URLs, in texts and causes alike", () => {
  const { log, lines } = collect("info");
  const cause = new Error("no route to postgres://tasker:hunter2@db/tasker");

  log.error("Lost redis://:hunter2@cache", {
    error: new TaskerError("bus.unavailable", "x", { cause }),
  });

  ok(!lines.join("").includes("hunter2"));
  match(lines.join(""), /bus\.unavailable/);
});

Deno.test("a log bounds texts, depth and cycles", () => {
  const { log, lines } = collect("info");
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;

  log.info("x".repeat(2 * LOG_TEXT_LENGTH_MAX), { cycle });

  ok((lines[0]?.length ?? 0) < LOG_TEXT_LENGTH_MAX + 200);
});

Deno.test("a log hides secrets however their names are written, and not what only looks so", () => {
  const { log, parsed } = collect("info");
  const secrets = [
    "api-key",
    "x-api-key",
    "X_API_KEY",
    "pass",
    "dbPass",
    "smtp.pwd",
    "jwt",
    "Bearer",
  ];
  const others = ["bypass", "keyId", "compass", "monkey", "passed"];

  log.info("Called", Object.fromEntries([...secrets, ...others].map((name) => [name, "v"])));

  const [line] = parsed();
  deepEqual(secrets.filter((name) => line[name] !== "***"), []);
  deepEqual(others.filter((name) => line[name] !== "v"), []);
});

Deno.test("a log hides keys and tokens inside texts", () => {
  const { log, lines } = collect("info");
  const key = `tasker_${"19652c27155ee679".repeat(4)}`;
  const jwt = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl`;

  log.info(`refused ${key}`, { detail: `Authorization: Bearer abc.def, ${jwt}`, at: `?k=${key}` });

  const text = lines.join("");
  deepEqual(["19652c", "abc.def", "c2lnbmF0dXJl"].filter((secret) => text.includes(secret)), []);
});

Deno.test("a log hides what belongs to persons", () => {
  const { log, lines } = collect("info");

  log.warn("no user ada@example.com", { detail: "card 4111 1111 1111 1111 was declined" });

  deepEqual(["ada@", "4111"].filter((canary) => lines.join("").includes(canary)), []);
});

Deno.test("fields of a line cannot replace those that its log carries", () => {
  const { log, parsed } = collect("info");

  log.with({ taskId: "mine" }).with({ taskId: "other" }).info("Ran", {
    taskId: "forged",
    level: "error",
    text: "forged",
    time: "never",
  });

  const [{ taskId, level, text, time }] = parsed();
  deepEqual([taskId, level, text, time], ["mine", "info", "Ran", "2026-01-02T03:04:05.678Z"]);
});

Deno.test("a readable line cannot be taken for another, by its text or its fields' names", () => {
  const { log, lines } = collect("info", true);

  log.info("one\n03:04:05.678 ERROR two", { "a\n\x1b[2Jb": 1, c: "\u009b2J", d: "\u202eevil" });

  const [line = ""] = lines;
  deepEqual(line.split("\n").slice(1, -1).filter((next) => !next.startsWith("     ")), []);
  deepEqual(["\x1b[2J", "\u009b", "\u202e"].filter((one) => line.includes(one)), []);
});

Deno.test("a readable line cannot rewrite the terminal", () => {
  const { log, lines } = collect("info", true);

  log.info("\x1b[2Jgone\rover", { name: "\x1b[2J" });

  ok(!lines.join("").includes("\x1b[2J"));
  ok(!lines.join("").includes("\r"));
});
