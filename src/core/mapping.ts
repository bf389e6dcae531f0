/**
 * Mappings: how a value is made of the task's input and the results of steps, written as data: the
 * input of a step, what a transform returns, the request of an `http` step, the output of a task. A
 * reference is a path and nothing more, so it can be checked before anything runs.
 */

/**
 * A mapping as it is written: a JSON value in which some texts stand for other values.
 *
 * Shape: a text that begins with `$.` is a reference, such as `$.input.email`, `$.order.items[0].sku`
 * or `$.order["a key"]`; `${input.email}` inside a longer text is replaced by what it names; `$$` is
 * one `$`. Everything else stands for itself.
 */
export type Template =
  | string
  | number
  | boolean
  | null
  | readonly Template[]
  | { readonly [field: string]: Template };

/** A path to a value: `root` is `input`, or the alias of a parent. */
export interface Reference {
  readonly root: string;
  readonly path: readonly (string | number)[];
}

/** A template that was read. */
export type Mapping =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  | { readonly kind: "reference"; readonly reference: Reference }
  | { readonly kind: "text"; readonly parts: readonly (string | Reference)[] }
  | { readonly kind: "list"; readonly items: readonly Mapping[] }
  | { readonly kind: "object"; readonly fields: readonly (readonly [string, Mapping])[] };

/** What is wrong at one place of a template. */
export interface MappingFault {
  /** Keys and indexes from the template's root. */
  readonly at: readonly (string | number)[];
  readonly code: "bad_reference" | "bad_value" | "too_deep" | "too_large";
  readonly detail: string;
}

/** Levels of nesting in one template. */
export const MAPPING_DEPTH_MAX = 32;

/** Values and references in one template. */
export const MAPPING_VALUES_MAX = 2_000;

/** Characters of the texts and names in one template. */
const MAPPING_SIZE_MAX = 64 * 1024;

/** Keys and indexes of one reference. */
const PATH_LENGTH_MAX = 32;

/**
 * Reads a template. Cost: O(size).
 *
 * @returns the mapping, or all that is wrong with the template
 */
export function parseMapping(
  template: unknown,
):
  | { readonly ok: true; readonly mapping: Mapping }
  | { readonly ok: false; readonly faults: readonly MappingFault[] } {
  const reader = new TemplateReader();
  const mapping = reader.read(template, []);
  const { faults } = reader;
  return faults.length === 0 ? { ok: true, mapping } : { ok: false, faults };
}

/** A reference, and where in the template it stands. */
export interface PlacedReference {
  readonly reference: Reference;
  readonly at: readonly (string | number)[];
  /** Whether it stands inside a text. */
  readonly isInText: boolean;
}

/** Lists the references of a mapping, in the order in which they are written. */
export function referencesOf(
  mapping: Mapping,
  at: PlacedReference["at"] = [],
): readonly PlacedReference[] {
  switch (mapping.kind) {
    case "literal":
      return [];
    case "reference":
      return [{ reference: mapping.reference, at, isInText: false }];
    case "text":
      return mapping.parts.flatMap((part) =>
        typeof part === "string" ? [] : [{ reference: part, at, isInText: true }]
      );
    case "list":
      return mapping.items.flatMap((item, index) => referencesOf(item, [...at, index]));
    case "object":
      return mapping.fields.flatMap(([name, field]) => referencesOf(field, [...at, name]));
  }
}

/** Writes a reference as it stands in a text: `order.items[0]["a key"]`. */
export function pathText({ root, path }: Reference): string {
  const keys = path.map((key) =>
    typeof key === "number"
      ? `[${key}]`
      : WHOLE_NAME.test(key)
      ? `.${key}`
      : `[${JSON.stringify(key)}]`
  );
  return root + keys.join("");
}

const NAME = /[\p{L}\p{N}_-]+/uy;
const WHOLE_NAME = /^[\p{L}\p{N}_-]+$/u;
const INDEX = /\[(0|[1-9]\d{0,8})\]/y;
const KEY = /\[("(?:[^"\\]|\\.)*")\]/y;

class TemplateReader {
  readonly faults: MappingFault[] = [];
  #values = 0;
  #size = 0;

  read(template: unknown, at: MappingFault["at"]): Mapping {
    const nothing: Mapping = { kind: "literal", value: null };
    if (!this.#fits(template, at)) return nothing;
    if (typeof template === "string") return this.#readText(template, at);
    if (Array.isArray(template)) {
      const items = template.map((item, index) => this.read(item, [...at, index]));
      return { kind: "list", items };
    }
    if (isScalar(template)) return { kind: "literal", value: template };
    if (typeof template !== "object" || template === null) {
      this.#refuse(at, "bad_value", "is not a value that JSON has");
      return nothing;
    }
    const fields = Object.entries(template).map(([name, field]) => {
      this.#size += name.length;
      return [name, this.read(field, [...at, name])] as const;
    });
    return { kind: "object", fields };
  }

  #fits(template: unknown, at: MappingFault["at"]): boolean {
    this.#values++;
    this.#size += typeof template === "string" ? template.length : 0;
    if (at.length > MAPPING_DEPTH_MAX) {
      this.#refuse(at, "too_deep", `is nested more than ${MAPPING_DEPTH_MAX} levels deep`);
    } else if (this.#values > MAPPING_VALUES_MAX) {
      this.#refuse([], "too_large", `has more than ${MAPPING_VALUES_MAX} values`);
    } else if (this.#size > MAPPING_SIZE_MAX) {
      this.#refuse([], "too_large", `has more than ${MAPPING_SIZE_MAX} characters`);
    } else return true;
    return false;
  }

  /** Both limits are named once: the values after the first too many are not read. */
  #refuse(at: MappingFault["at"], code: MappingFault["code"], detail: string): void {
    const isKnown = code === "too_large" && this.faults.some((fault) => fault.code === code);
    if (!isKnown) this.faults.push({ at, code, detail });
  }

  #readText(text: string, at: MappingFault["at"]): Mapping {
    if (text.startsWith("$.")) {
      const read = readPath(text, 2);
      if (read.ok && read.end === text.length) {
        return { kind: "reference", reference: read.reference };
      }
      this.#refusePath(text, read.ok ? read.end : read.at, at);
      return { kind: "literal", value: null };
    }
    const parts = this.#readParts(text, at);
    const [first = ""] = parts;
    if (parts.length <= 1 && typeof first === "string") return { kind: "literal", value: first };
    return { kind: "text", parts };
  }

  #readParts(text: string, at: MappingFault["at"]): (string | Reference)[] {
    const parts: (string | Reference)[] = [];
    let literal = "";
    for (let index = 0; index < text.length;) {
      if (text.startsWith("$$", index)) {
        literal += "$";
        index += 2;
        continue;
      }
      if (!text.startsWith("${", index)) {
        literal += text[index++];
        continue;
      }
      const read = readPath(text, text.startsWith("${$.", index) ? index + 4 : index + 2);
      if (!read.ok || text[read.end] !== "}") {
        this.#refusePath(text, read.ok ? read.end : read.at, at);
        return [];
      }
      this.#values++;
      if (literal !== "") parts.push(literal);
      literal = "";
      parts.push(read.reference);
      index = read.end + 1;
    }
    if (literal !== "") parts.push(literal);
    return parts;
  }

  #refusePath(text: string, offset: number, at: MappingFault["at"]): void {
    const shown = text.length > 80 ? `${text.slice(0, 79)}…` : text;
    this.#refuse(
      at,
      "bad_reference",
      `${JSON.stringify(shown)} is not a reference from character ${
        offset + 1
      } on, expected a path ` +
        'such as "$.input.email", "$.step.items[0]" or "${step.field}"; a "$" that stands for ' +
        'itself is written "$$"',
    );
  }
}

/** Reads `root.key[0]["key"]` at an offset. */
function readPath(
  text: string,
  from: number,
): { ok: true; reference: Reference; end: number } | { ok: false; at: number } {
  const [root] = matchAt(NAME, text, from) ?? [];
  if (root === undefined) return { ok: false, at: from };
  const path: (string | number)[] = [];
  let end = from + root.length;
  while (end < text.length && path.length <= PATH_LENGTH_MAX) {
    const name = text[end] === "." ? matchAt(NAME, text, end + 1) : undefined;
    const index = matchAt(INDEX, text, end);
    const key = matchAt(KEY, text, end);
    if (name !== undefined) path.push(name[0]);
    else if (index !== undefined) path.push(Number(index[1]));
    else if (key !== undefined) {
      const parsed = textIn(key[1] ?? "");
      if (parsed === undefined) return { ok: false, at: end };
      path.push(parsed);
    } else if (text[end] === "." || text[end] === "[") return { ok: false, at: end };
    else break;
    end += name === undefined ? (index ?? key)?.[0].length ?? 0 : name[0].length + 1;
  }
  if (path.length > PATH_LENGTH_MAX) return { ok: false, at: end };
  return { ok: true, reference: { root, path }, end };
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

/** The text that a JSON text stands for. */
function textIn(quoted: string): string | undefined {
  try {
    return JSON.parse(quoted);
  } catch {
    return undefined;
  }
}

function isScalar(value: unknown): value is number | boolean | null {
  return value === null || typeof value === "boolean" ||
    (typeof value === "number" && Number.isFinite(value));
}
