/** The log: one line an occurrence, for machines as JSON and for people as text. */

import { type Loggable, redact, redactFields } from "./redact.ts";

/** How severe a line is, least first. */
const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** How severe a line is. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line says beside its text. Payloads do not belong here, and are taken out. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines. Cost of a line below the level: one comparison. */
export interface Log {
  debug(text: string, fields?: LogFields): void;
  info(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  error(text: string, fields?: LogFields): void;
  /** Returns a log whose lines all carry these fields, too. No line's own field replaces one. */
  with(fields: LogFields): Log;
}

/** Where and how a log writes. */
export interface LogOptions {
  /** Less severe lines are dropped. */
  readonly level: LogLevel;
  /** True: readable lines with colour. False: JSON lines. */
  readonly terminal: boolean;
  /** Takes one line with its end; must not throw. */
  readonly write: (line: string) => void;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

type Fields = Readonly<Record<string, Loggable>>;

const COLOURS: Readonly<Record<LogLevel, string>> = {
  debug: "\x1b[2m",
  info: "\x1b[32m",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};
const PLAIN = "\x1b[0m";
const DIM = "\x1b[2m";
/** A text of several lines cannot be taken for several occurrences. */
const CONTINUED = "\n               ";

/** Opens a log. Secrets and payloads never reach `write`: they go by the names of their fields. */
export function openLog(options: LogOptions): Log {
  return logWith(options, {});
}

/** A log that writes nothing, for tests and tools. */
export const SILENT_LOG: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => SILENT_LOG,
};

function logWith(options: LogOptions, carried: Fields): Log {
  const levelMin = LOG_LEVELS.indexOf(options.level);
  const lineOf = options.terminal ? readableLine : jsonLine;
  const writer = (level: LogLevel) => {
    if (LOG_LEVELS.indexOf(level) < levelMin) return () => {};
    return (text: string, fields: LogFields = {}) => {
      const shown = String(redact("", text));
      const line = lineOf(level, shown, options.now(), { ...redactFields(fields), ...carried });
      options.write(line);
    };
  };
  return {
    debug: writer("debug"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
    with: (fields) => logWith(options, { ...redactFields(fields), ...carried }),
  };
}

function jsonLine(level: LogLevel, text: string, nowMs: number, fields: Fields): string {
  const time = new Date(nowMs).toISOString();
  return `${JSON.stringify({ ...fields, time, level, text })}\n`;
}

function readableLine(level: LogLevel, text: string, nowMs: number, fields: Fields): string {
  const time = new Date(nowMs).toISOString().slice(11, 23);
  const shown = Object.entries(fields).map(([name, value]) =>
    ` ${DIM}${readable(name)}=${PLAIN}${readable(value)}`
  );
  const mark = `${COLOURS[level]}${level.toUpperCase().padEnd(5)}${PLAIN}`;
  const lines = printable(text).replaceAll("\n", CONTINUED);
  return `${DIM}${time}${PLAIN} ${mark} ${lines}${shown.join("")}\n`;
}

function readable(value: Loggable): string {
  const isWord = typeof value === "string" && /^[^\s"=]+$/u.test(value);
  return printable(isWord ? value : JSON.stringify(value));
}

/** Characters that could rewrite the terminal, or the order of a line. New lines and tabs may pass. */
const REWRITING = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu;

function printable(text: string): string {
  return text.replace(REWRITING, "�");
}
