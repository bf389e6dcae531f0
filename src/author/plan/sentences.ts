/** Sentences: a description as the items of its lists and the sentences of its prose. Pure. */

import { isVerb, plainText, tokensOf } from "./words.ts";

/** A part of a description that stands for itself. */
export interface Sentence {
  readonly text: string;
  /** It is an item of a list. */
  readonly isItem: boolean;
  /** The line above its list says that the items run side by side: those of one number. */
  readonly group?: number;
}

/** A description in sentences. */
export interface Sentences {
  /** What the person calls the workflow, where a heading says it. */
  readonly title?: string;
  readonly sentences: readonly Sentence[];
}

const ITEM = /^\s*(?:(?:step\s+)?\(?\d{1,3}\s*[.):]\s*|[a-z]\)\s+|[-*•‣]\s+)(?=\S)/i;
const ABBREVIATION = /\b(?:e\.g|i\.e|etc|vs|approx|no|mr|mrs|dr|incl)\.$/i;
const SIDE_BY_SIDE =
  /\b(?:in parallel|at the same time|simultaneously|concurrently|side by side)\b/i;
/** What is said before a list and asks for nothing by itself. */
const LEAD_IN =
  /\b(?:workflow|flow|process|pipeline|runbook|steps?|following|something|automation)\b.*:?$/i;
/** Words of a heading. */
const TITLE_WORDS_MAX = 7;

/** Characters of a sentence; a longer one is cut, so that no pattern is tried on more. */
const SENTENCE_LENGTH_MAX = 1_000;

/** Divides a description. Cost: O(length × SENTENCE_LENGTH_MAX). */
export function sentencesOf(description: string): Sentences {
  const { sentences, ...rest } = divided(description);
  return { ...rest, sentences: sentences.flatMap(cut) };
}

function cut(sentence: Sentence): readonly Sentence[] {
  const { text } = sentence;
  if (text.length <= SENTENCE_LENGTH_MAX) return [sentence];
  const parts: Sentence[] = [];
  for (let from = 0; from < text.length;) {
    const space = text.lastIndexOf(" ", from + SENTENCE_LENGTH_MAX);
    const isEnd = from + SENTENCE_LENGTH_MAX >= text.length;
    const to = isEnd ? text.length : space > from ? space : from + SENTENCE_LENGTH_MAX;
    parts.push({ ...sentence, text: text.slice(from, to).trim() });
    from = to;
  }
  return parts;
}

function divided(description: string): Sentences {
  const lines = plainText(description).split("\n").map((line) => ({
    text: line.replace(/[^\S\n]+/g, " ").trim(),
    indent: line.length - line.trimStart().length,
  })).filter(({ text }) => text !== "");
  const sentences: Sentence[] = [];
  let title: string | undefined;
  /** The list under a line that says that its items run side by side. */
  let beside: { readonly number: number; readonly indent: number } | undefined;
  lines.forEach(({ text: line, indent }, index) => {
    const next = lines[index + 1];
    const isItem = ITEM.test(line);
    const isAbove = next !== undefined && ITEM.test(next.text) &&
      (!isItem || next.indent > indent);
    if (beside !== undefined && (indent < beside.indent || !isItem)) beside = undefined;
    const text = isItem ? line.replace(ITEM, "") : line;
    const isHeading = isAbove &&
      (isItem ? text.endsWith(":") : (line.endsWith(":") || !/[.!?]$/.test(line)) &&
        (tokensOf(line).length <= TITLE_WORDS_MAX || LEAD_IN.test(line)));
    if (isAbove && SIDE_BY_SIDE.test(line)) beside = { number: index + 1, indent: next.indent };
    else if (isHeading && !isItem && !LEAD_IN.test(line)) title ??= line.replace(/:$/, "");
    if (isHeading) return;
    const group = beside !== undefined && indent >= beside.indent ? beside.number : undefined;
    const parts = isItem ? [text] : splitProse(line);
    for (const part of parts) {
      sentences.push({ text: part, isItem, ...(group !== undefined && isItem && { group }) });
    }
  });
  const [only] = sentences;
  if (sentences.length !== 1 || only === undefined) {
    return { ...(title !== undefined && { title }), sentences };
  }
  return splitTerse(only);
}

function splitProse(line: string): readonly string[] {
  const parts: string[] = [];
  for (const part of line.split(/(?<=[.!?])\s+/)) {
    const before = parts.at(-1);
    if (before !== undefined && ABBREVIATION.test(before)) {
      parts[parts.length - 1] = `${before} ${part}`;
    } else parts.push(part);
  }
  return parts.filter((part) => tokensOf(part).length > 0);
}

/** A line such as `returns: refund -> release -> mail` is a list. */
function splitTerse(only: Sentence): Sentences {
  const { title, text } = withoutTitle(only.text);
  const separator = [/\s*->\s*/, /\s+>\s+/, /\s*;\s*/, /\s+\/\s+/, /\s+\|\s+/]
    .find((one) => text.split(one).length >= 3 || (/->/.test(text) && one.source.includes("->")));
  const parts = separator === undefined ? [text] : text.split(separator);
  const sentences = parts.filter((part) => tokensOf(part).length > 0)
    .flatMap((part) => separator === undefined ? [part] : splitProse(part))
    .map((part) => ({ text: part, isItem: separator !== undefined }));
  return { ...(title !== undefined && { title }), sentences };
}

/** `leaver: disable account, …`: what stands before the colon names the rest. */
function withoutTitle(text: string): { readonly title?: string; readonly text: string } {
  const [, before = "", after = ""] = /^([^:.,;]{1,60}):\s+(.+)$/s.exec(text) ?? [];
  const [first = "", second] = tokensOf(before);
  const isTitle = before !== "" && tokensOf(before).length <= 3 &&
    !/^(if|on|when)\b/i.test(before) &&
    !(isVerb(first) && /^(?:the|an?|all|this|our)$/.test(second ?? ""));
  return isTitle ? { title: before.trim(), text: after } : { text };
}
