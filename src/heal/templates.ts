/**
 * Templates: what stays the same in the texts of one kind of error. Pure and deterministic.
 *
 * The template of a single text depends on the text alone, so every node and every order gives it the
 * same id: what varies is masked, words with digits count as varying, and repeated masks are one. The
 * tree then groups templates that differ in a few words. It is built from sorted, distinct templates, so
 * a group depends on the set and not on its order; a new text may still widen a group, which is why keys
 * of clusters use the template of the text and never that of its group.
 *
 * Source: He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017.
 */

import { hash32 } from "../core/ids.ts";

/** What a text has in common with others of its kind. */
export interface Template {
  /** Eight hexadecimal digits. */
  readonly id: string;
  readonly tokens: readonly string[];
}

/** Longer texts are cut: what kind of error it is stands at the beginning. */
const TEXT_LENGTH_MAX = 1_000;
const TOKENS_MAX = 48;
/** A longer word is an id, a token or data. */
const WORD_LENGTH_MAX = 40;

/** What stands for a word that varies. */
const ANY = "<*>";

/** What is masked, in this order. Every run is bounded, so that a text is searched in one pass. */
const MASKS: readonly (readonly [RegExp, string])[] = [
  [/<(secret|jwt|private_key|sensitive|(?:email|card|iban):[0-9a-f]{4})>/g, "<hidden>"],
  [/\b[a-z][a-z0-9+.-]{1,15}:\/\/[^\s"'<>)\]]{1,500}/gi, "<url>"],
  [/[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}/gi, "<email>"],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, "<id>"],
  [
    /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?/g,
    "<date>",
  ],
  [
    /\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? \d{1,2} [a-z]{3,9} \d{4}(?: [\d:]{5,8}(?: [a-z]{2,4})?)?/gi,
    "<date>",
  ],
  [/\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?\b/g, "<date>"],
  [/(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.])/g, "<ip>"],
  [
    /(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}(?:%\w{1,16})?(?![\w:])|(?<![\w:])::1(?![\w:])/gi,
    "<ip>",
  ],
  [/"(?:[^"\\\n]|\\.){0,300}"/g, "<quoted>"],
  [/`[^`\n]{0,300}`/g, "<quoted>"],
  [/(?<!\w)'[^'\n]{0,300}'(?!\w)/g, "<quoted>"],
  [/(?<![\w<])(?:[a-z]:)?(?:[\/\\][\w.@%+~-]{1,100}){2,20}[\/\\]?/gi, "<path>"],
  [/\b0x[0-9a-f]{1,64}\b/gi, "<hex>"],
  [/\b(?=[a-f]{0,63}\d)(?=\d{0,63}[a-f])[0-9a-f]{7,64}\b/gi, "<hex>"],
  // A status says what kind of answer it is: it stays.
  [
    /\b(https?(?:\/\d(?:\.\d)?)?|status|code|answered|returned|with)([ :=]{1,3})([1-5]\d\d)\b/gi,
    "$1$2http_$3",
  ],
  [
    /(?<![\w.])[-+]?\d[\d,_]{0,30}(?:\.\d{1,30})?(?:e[-+]?\d{1,3})?[a-zµ%]{0,3}(?!\w)/gi,
    "<number>",
  ],
];

/** Returns a text with what varies replaced by what it is: `<number>`, `<id>`, `<path>` … */
function maskText(text: string): string {
  let masked = text.slice(0, TEXT_LENGTH_MAX);
  for (const [pattern, mask] of MASKS) masked = masked.replace(pattern, mask);
  return masked;
}

/** Returns the template of one text. Cost: linear; about 15 µs for 100 characters. */
export function templateOf(text: string): Template {
  return made(tokensOf(maskText(text)));
}

/** The words of a template, lower case, for search. */
export function wordsOf({ tokens }: Template): readonly string[] {
  return tokens.flatMap((token) => token.toLowerCase().match(/[\p{L}_]{2,40}/gu) ?? []);
}

/** A template as text. */
export function templateText({ tokens }: Template): string {
  return tokens.join(" ");
}

function made(tokens: readonly string[]): Template {
  const id = hash32(tokens.join(" ")).toString(16).padStart(8, "0");
  return { id, tokens };
}

function tokensOf(masked: string): readonly string[] {
  const tokens: string[] = [];
  for (const word of masked.split(/[\s,;()[\]{}|]+/)) {
    const bare = word.replace(/^[.:!?]+|[.:!?]+$/g, "").replace(
      /(=|:)(?!<)[^<\s]*\d[^\s]*$/,
      `$1${ANY}`,
    );
    if (bare === "") continue;
    const token = varies(bare) ? ANY : bare;
    // A list of values is one value, however long it is.
    if (isMask(token) && token === tokens.at(-1)) continue;
    if (tokens.push(token) === TOKENS_MAX) break;
  }
  return tokens;
}

function varies(word: string): boolean {
  if (/^http_\d{3}$/.test(word)) return false;
  return word.length > WORD_LENGTH_MAX || (/\d/.test(word) && !isMask(word));
}

function isMask(token: string): boolean {
  return token.startsWith("<") && token.endsWith(">");
}

/** Words of the beginning by which the tree branches. */
const DEPTH = 2;
/** More words than this at one place share a branch. */
const CHILDREN_MAX = 100;
/** Groups at the end of one branch; what comes then joins the most similar one. */
const GROUPS_MAX = 64;
/** The least share of equal words within a group. Source: Drain's default range, measured on LogHub. */
const SIMILARITY_MIN = 0.5;

interface Group {
  tokens: readonly string[];
  readonly members: Template[];
}

interface Branch {
  readonly children: Map<string, Branch>;
  readonly groups: Group[];
}

/**
 * Groups templates that differ in a few words; returns the template of each one's group, by id.
 *
 * Cost: O(templates × groups of a branch); each distinct template once.
 */
export function groupTemplates(templates: Iterable<Template>): ReadonlyMap<string, Template> {
  const distinct = new Map<string, Template>();
  for (const template of templates) distinct.set(template.id, template);
  const sorted = [...distinct.values()].sort((a, b) => templateText(a) < templateText(b) ? -1 : 1);
  const root = newBranch();
  const groups = new Set<Group>();
  for (const template of sorted) groups.add(join(branchOf(root, template.tokens), template));
  const byId = new Map<string, Template>();
  for (const { tokens, members } of groups) {
    const whole = made(tokens);
    for (const { id } of members) byId.set(id, whole);
  }
  return byId;
}

function newBranch(): Branch {
  return { children: new Map(), groups: [] };
}

/** Texts of different length are never alike; then the first words decide. */
function branchOf(root: Branch, tokens: readonly string[]): Branch {
  let branch = childOf(root, String(tokens.length));
  for (const token of tokens.slice(0, DEPTH)) branch = childOf(branch, isMask(token) ? ANY : token);
  return branch;
}

function childOf({ children }: Branch, key: string): Branch {
  const name = children.has(key) || children.size < CHILDREN_MAX ? key : ANY;
  const child = children.get(name) ?? newBranch();
  children.set(name, child);
  return child;
}

function join({ groups }: Branch, template: Template): Group {
  const { tokens } = template;
  let [best, highest] = [undefined as Group | undefined, -1];
  for (const group of groups) {
    const similarity = similarityOf(group.tokens, tokens);
    if (similarity > highest) [best, highest] = [group, similarity];
  }
  if (best === undefined || (highest < SIMILARITY_MIN && groups.length < GROUPS_MAX)) {
    const group = { tokens, members: [template] };
    groups.push(group);
    return group;
  }
  best.tokens = best.tokens.map((token, at) => token === tokens[at] ? token : ANY);
  best.members.push(template);
  return best;
}

/** The share of places with the same word. An overfull branch has texts of other lengths. */
function similarityOf(a: readonly string[], b: readonly string[]): number {
  if (a.length !== b.length) return 0;
  if (a.length === 0) return 1;
  return a.filter((token, at) => token === b[at]).length / a.length;
}
