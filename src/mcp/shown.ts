/**
 * What a client may see: values without secrets, and no larger than a model can use. Texts in them
 * were written by workflows, other systems and people, so they are data, whatever they say.
 */

import { redactText, visible } from "../core/redaction.ts";
import { isSecretName } from "../telemetry/redact.ts";

/** Characters of one text; the rest is left out. */
const TEXT_LENGTH_MAX = 8_000;

/** Characters of all texts and names of one value. */
const SHOWN_SIZE_MAX = 200_000;

/** Deeper values are left out. */
const DEPTH_MAX = 64;

/** Ids: parts of some would pass for the number of a card. */
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What a value that is not a text counts for. */
const VALUE_SIZE = 8;

/** A text is searched for secrets this much farther than it is shown: none is cut in two. */
const SEARCHED = 2;

/** What stands for a part that is left out. */
const LEFT_OUT = "… (the rest is left out: too large)";

/** What stands for a secret. */
const HIDDEN = "***";

/** A value as it may be shown. */
export interface Shown {
  readonly value: unknown;
  /** Characters that are left out. */
  readonly leftOut: number;
}

/**
 * Returns a value as a client may see it: secrets and what belongs to persons are hidden, characters that
 * are not seen are taken out, and what is too large is cut. Its types stay what they are.
 *
 * Cost: linear in what is shown; 256 KiB take some 20 ms.
 */
export function shown(value: unknown): Shown {
  const view = new View();
  return { value: view.of(value, { depth: 0, isSecret: false }), leftOut: view.leftOut };
}

/** Returns a text as a client may see it. Lines stay lines. */
export function shownText(text: string, lengthMax: number = SHOWN_SIZE_MAX): string {
  const lines = text.slice(0, SEARCHED * lengthMax).split("\n").map(visible);
  const safe = redactText(lines.join("\n")).text;
  return safe.length <= lengthMax ? safe : safe.slice(0, lengthMax) + LEFT_OUT;
}

/** Where a value is. */
interface Place {
  readonly depth: number;
  /** Its name, or that of what it is in, names a secret. */
  readonly isSecret: boolean;
}

class View {
  leftOut = 0;
  #left = SHOWN_SIZE_MAX;

  of(value: unknown, { depth, isSecret }: Place): unknown {
    this.#left -= VALUE_SIZE;
    if (typeof value === "string") return isSecret ? HIDDEN : this.#text(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > DEPTH_MAX || this.#left <= 0) return this.#drop(value);
    if (Array.isArray(value)) return this.#list(value, { depth: depth + 1, isSecret });
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return Object.fromEntries(
      fields.map(([name, field]) => [
        this.#text(name),
        this.of(field, { depth: depth + 1, isSecret: isSecret || isSecretName(name) }),
      ]),
    );
  }

  #list(values: readonly unknown[], place: Place): readonly unknown[] {
    const kept: unknown[] = [];
    for (const value of values) {
      if (this.#left > 0) kept.push(this.of(value, place));
      else this.leftOut += VALUE_SIZE;
    }
    return kept;
  }

  #text(text: string): string {
    if (ID.test(text)) return text;
    const kept = shownText(text, Math.max(0, Math.min(TEXT_LENGTH_MAX, this.#left)));
    this.#left -= kept.length;
    this.leftOut += Math.max(0, text.length - kept.length);
    return kept;
  }

  #drop(value: object): unknown {
    this.leftOut += VALUE_SIZE;
    return Array.isArray(value) ? [] : {};
  }
}
