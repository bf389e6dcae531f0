/**
 * Redaction of texts: takes out what a log, a page or a prompt must not show. Pure.
 *
 * Placeholders are deterministic, so texts that differ only in what was hidden stay alike, and a
 * redacted text is not changed by redacting it again.
 */

/** A text without what was hidden, and how often something was. */
export interface Redacted {
  readonly text: string;
  readonly count: number;
}

/** One kind of what is hidden. Each run in a pattern is bounded: a text is searched in one pass. */
interface Rule {
  readonly pattern: RegExp;
  /** What is shown instead of a match. Undefined: the match is something else, and stays. */
  readonly shown: (match: RegExpExecArray) => string | undefined;
}

const SECRET = "<secret>";

/** Names of secrets in texts such as `password=…`, `"api_key": "…"` and `X-Auth-Token: …`. */
const NAME = "(?:pass(?:word|wd|phrase)|(?<![a-z])pwd|secret|token(?!s|iz)|credential|" +
  "authorization|(?:api|access|account|private|signing|shared|encryption)[ _-]?key|" +
  "accesssignature|(?<=[?&])(?:sig|key|auth)|(?:set-)?cookie)";

/** Credentials: whoever has one may act with it. */
const SECRETS: readonly Rule[] = [
  whole(
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----[\w+/=\s\\:,.-]{0,65536}/g,
    "<private_key>",
  ),
  part(/(:\/\/[^\s:/@]{0,256}:)(?!<\w{1,16}>)[^\s@]{1,1024}(?:@[^\s@/:?]{0,256}){0,3}(?=@)/g),
  part(/(\btasker_)[0-9A-Za-z]{8,256}/g),
  part(
    /(\b(?:bearer|basic|digest|negotiate)\s{1,8})(?=[\w.~+/=-]{0,256}[\d=._-]|\w{20})[\w.~+/=-]{6,4096}/gi,
  ),
  whole(/\beyJ[\w-]{8,2048}\.[\w-]{1,8192}\.[\w-]{0,2048}/g, "<jwt>"),
  whole(/\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g),
  whole(/\b(?:AIza[\w-]{35}|ya29\.[\w-]{20,512})/g),
  whole(/\b(?:gh[pousr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,64}|npm_\w{30,64})/g),
  whole(/\b(?:xox[a-z]-[\w-]{10,255}|xapp-[\w-]{10,255})/g),
  part(/(\bhooks\.slack\.com\/)[\w/-]{10,255}/g),
  whole(/\b(?:[srp]k_(?:live|test)_\w{10,255}|whsec_[\w+/=-]{10,255})/g),
  whole(
    /\b(?:sk-[\w-]{16,255}|hf_\w{20,64}|hv[sbr]\.[\w-]{20,255}|SG\.[\w-]{16,64}\.[\w-]{16,64})/g,
  ),
  whole(/\b(?:do[opr]_v1_[0-9a-f]{64}|(?:SK|AC)[0-9a-f]{32}|\d{8,10}:AA[\w-]{32,40})\b/g),
  part(named(`"`, String.raw`(?:\\.|[^"\\]){1,4096}`)),
  part(named(`'`, String.raw`(?:\\.|[^'\\]){1,4096}`)),
  part(named(String.raw`\\{1,7}["']`, String.raw`[^"'\\]{1,4096}`)),
  part(named("", String.raw`[^\s,;&"'\\)}\]]{1,4096}`)),
];

/** What belongs to a person; two equal ones are hidden alike. */
const PERSONAL: readonly Rule[] = [
  {
    pattern: /[\p{L}\p{N}._%+'-]{1,64}(?:@|%40)(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,63}/gu,
    shown: ([all]) => tagged("email", all.toLowerCase().replace("%40", "@")),
  },
  {
    pattern:
      /(?<![\d.])(?:[2-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|3\d{3}([ -]?)\d{6}\2\d{4,5})(?![\d.]\d)/g,
    shown: ([all]) => {
      const digits = all.replaceAll(/\D/g, "");
      return isLuhn(digits) ? tagged("card", digits) : undefined;
    },
  },
  {
    pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/gi,
    shown: ([all]) => {
      const groups = all.split(" ");
      for (let count = groups.length; count > 0; count -= 1) {
        const iban = groups.slice(0, count).join("").toUpperCase();
        if (isIban(iban)) return [tagged("iban", iban), ...groups.slice(count)].join(" ");
      }
    },
  },
];

const ALL = [...SECRETS, ...PERSONAL];

/**
 * Hides credentials: keys, tokens, passwords, private keys, what Authorization headers hold.
 *
 * Cost: linear; 256 KiB take some 10 ms.
 */
export function hideSecrets(text: string): string {
  return hide(text, SECRETS).text;
}

/**
 * Hides credentials, e-mail addresses and the numbers of cards and accounts.
 *
 * Cost: linear; 256 KiB take some 20 ms.
 */
export function redactText(text: string): Redacted {
  return hide(text, ALL);
}

/** Characters that are not seen, or that change how others are. A new line is one. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029\u{e0000}-\u{e0fff}]/gu;

/**
 * Takes out what is not seen: a secret cannot be cut in two by it, nor an instruction be hidden, nor a
 * terminal be rewritten.
 */
export function visible(text: string): string {
  return text.toWellFormed().replaceAll(/[\t\r\n\u2028\u2029]{1,512}/g, " ").replaceAll(UNSEEN, "");
}

function hide(text: string, rules: readonly Rule[]): Redacted {
  let [left, count] = [text, 0];
  for (const { pattern, shown } of rules) {
    const parts: string[] = [];
    let keptTo = 0;
    pattern.lastIndex = 0;
    for (let match; (match = pattern.exec(left)) !== null;) {
      const instead = shown(match);
      if (instead === undefined) {
        pattern.lastIndex = match.index + 1; // what it begins with may hide what it is not
        continue;
      }
      parts.push(left.slice(keptTo, match.index), instead);
      keptTo = match.index + match[0].length;
      count += 1;
    }
    if (keptTo > 0) left = parts.join("") + left.slice(keptTo);
  }
  return { text: left, count };
}

/** A match that is a secret as a whole. */
function whole(pattern: RegExp, shown = SECRET): Rule {
  return { pattern, shown: () => shown };
}

/** A match whose first group is shown. */
function part(pattern: RegExp): Rule {
  return { pattern, shown: ([, before]) => `${before}${SECRET}` };
}

/** A pattern for a name and the value behind it and a quote. */
function named(quote: string, value: string): RegExp {
  const start = String.raw`${NAME}[\w.-]{0,32}(?:\\{0,7}["'])?\s{0,8}(?:=>|[:=](?!>))\s{0,8}`;
  return new RegExp(`(${start}${quote})(?!<[a-z_]{1,16}(?::[0-9a-f]{4})?>)${value}`, "gi");
}

/**
 * A placeholder that is the same for the same value. 16 bits distinguish the values of one
 * text, and so many values share them that they do not identify one.
 */
function tagged(kind: string, value: string): string {
  let hash = 0x811c9dc5; // FNV-1a, RFC 9923
  for (let at = 0; at < value.length; at += 1) {
    hash = Math.imul(hash ^ value.charCodeAt(at), 0x01000193);
  }
  const short = (hash ^ hash >>> 16) & 0xffff;
  return `<${kind}:${short.toString(16).padStart(4, "0")}>`;
}

/** The check digit of card numbers (ISO/IEC 7812-1, annex B). */
function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = Number(digits[digits.length - 1 - at]) * (at % 2 === 0 ? 1 : 2);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0;
}

/** The check digits of account numbers (ISO 13616, ISO 7064 mod 97-10). */
function isIban(iban: string): boolean {
  if (iban.length < 15 || iban.length > 34) return false;
  let rest = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
