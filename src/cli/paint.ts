/** Paint: the colours of a terminal, and what keeps text of others from rewriting it. */

/** What a text means; its colour follows from that. */
export type Tone = "good" | "bad" | "warn" | "busy" | "dim" | "bold" | "plain";

/** Colours a text, or leaves it as it is; what is not printable is replaced either way. */
export type Paint = (tone: Tone, text: string) => string;

const PLAIN = "\x1b[0m";
const CODES: Readonly<Record<Tone, string>> = {
  good: "\x1b[32m",
  bad: "\x1b[31m",
  warn: "\x1b[33m",
  busy: "\x1b[36m",
  dim: "\x1b[2m",
  bold: "\x1b[1m",
  plain: "",
};

/** No colours. */
export const noPaint: Paint = (_tone, text) => printable(text);

/** The sixteen colours every terminal has. */
export const ansiPaint: Paint = (tone, text) =>
  tone === "plain" ? printable(text) : `${CODES[tone]}${printable(text)}${PLAIN}`;

/** Control and direction characters could rewrite the terminal: they become spaces or �. */
export function printable(text: string): string {
  return text.replace(/[\t\n\r]+/g, " ").replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "�");
}

/** Cuts a painted line to a number of columns; codes take none. */
export function cutLine(line: string, columns: number): string {
  let left = columns;
  let isCut = false;
  // deno-lint-ignore no-control-regex -- escape sequences begin with one
  const parts = line.split(/(\x1b\[\d+m)/);
  const shown = parts.map((part) => {
    if (part.startsWith("\x1b")) return part;
    const letters = [...part];
    const taken = letters.slice(0, left);
    left -= taken.length;
    isCut ||= taken.length < letters.length;
    return taken.join("");
  });
  if (!isCut) return line;
  const last = shown.findLastIndex((part) => part !== "" && !part.startsWith("\x1b"));
  return shown.map((part, index) => index === last ? part.replace(/.$/u, "…") : part).join("");
}
