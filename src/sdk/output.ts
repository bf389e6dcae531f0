/** Outputs of workflows: how what a task gives is made of the results of its steps, as data. */

import { pathText, type Reference, type Template } from "../core/mapping.ts";

declare const stands: unique symbol;

/**
 * Stands for a value that is known when the task completes. It can be passed on, read field by field,
 * and put into a text; the server does that when the task ends, with or without the workflow's code.
 * What needs computing is a step.
 */
export type Ref<T> = { readonly [stands]: T } & Fields<NonNullable<T>, Absent<T>>;

type Plain = string | number | boolean | bigint | symbol | undefined | null;
/** What a field of something absent adds to its type. */
type Absent<T> = null extends T ? undefined : undefined extends T ? undefined : never;
type Fields<T, A> = T extends Plain ? unknown
  : T extends readonly (infer Item)[] ? { readonly [index: number]: Ref<Item | undefined> }
  : { readonly [K in keyof T]-?: Ref<T[K] | A> };

/** A value of `T` made of references and of values that are known already. */
export type Mapped<T> = Ref<T> | Literal<T>;

type Literal<T> = T extends Plain ? T
  : T extends readonly (infer Item)[] ? readonly Mapped<Item>[]
  : {
    readonly [K in keyof T]: Mapped<
      Partial<Pick<T, K>> extends Pick<T, K> ? T[K] | undefined : T[K]
    >;
  };

/** What `w.output(…)` returns: return it from the wiring function, so that it is in the types. */
export interface Output<O> {
  readonly [stands]: O;
}

/** Begin and end of what stands for a reference inside a text: characters that no text has. */
const BEGIN = "\uE000tasker:";
const END = "\uE001";
const MARKED = new RegExp(`${BEGIN}(.*?)${END}`, "gsu");

/** What each proxy stands for. */
const references = new WeakMap<object, Reference>();

/** Calls the mapping of an output with references in place of values; returns what it made as data. */
export function templateOf(
  map: (given: Readonly<Record<string, unknown>>) => unknown,
  aliases: readonly string[],
): Template {
  const given = ["input", ...aliases].map((alias) => [alias, proxyOf({ root: alias, path: [] })]);
  return dataOf(map(Object.fromEntries(given)), []);
}

function proxyOf(reference: Reference): object {
  const path = pathText(reference);
  const proxy: object = new Proxy(() => {}, {
    get(_, key) {
      if (key === Symbol.toPrimitive) return (hint: string) => textOf(path, hint);
      if (typeof key === "symbol") throw notComputed(path, `its ${String(key)} is read`);
      return proxyOf({ ...reference, path: [...reference.path, keyOf(key)] });
    },
    apply: () => {
      throw notComputed(path, "it is called");
    },
    has: (_, key) => {
      throw notComputed(path, `"${String(key)}" is looked for in it`);
    },
    ownKeys: () => {
      throw notComputed(path, "its fields are listed");
    },
  });
  references.set(proxy, reference);
  return proxy;
}

/** A proxy cannot see whether `list[0]` was written, or `map["0"]`: a number is an index. */
function keyOf(key: string): string | number {
  return /^(0|[1-9]\d{0,8})$/.test(key) ? Number(key) : key;
}

/** A template literal asks for a text; anything else would compute with what is not known yet. */
function textOf(path: string, hint: string): string {
  if (hint === "string") return `${BEGIN}${path}${END}`;
  throw notComputed(path, "something is computed with it");
}

function notComputed(path: string, what: string): TypeError {
  return new TypeError(
    `Cannot map the output: "${path}" is not known yet, but ${what}; an output only passes values ` +
      "on: compute in a step",
  );
}

function dataOf(value: unknown, at: readonly string[]): Template {
  if (typeof value === "function") {
    const reference = references.get(value);
    if (reference !== undefined) return `$.${pathText(reference)}`;
  }
  if (typeof value === "string") return literalText(value);
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (Array.isArray(value)) return value.map((item, index) => dataOf(item, [...at, String(index)]));
  const isPlain = typeof value === "object" &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (isPlain) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return Object.fromEntries(fields.map(([name, field]) => [name, dataOf(field, [...at, name])]));
  }
  const place = at.length === 0 ? "it" : `"${at.join(".")}"`;
  throw new TypeError(`Cannot map the output: ${place} is not a value that JSON has`);
}

/** References become `${…}`; what else looks like one stands for itself. */
function literalText(text: string): string {
  const parts = text.split(MARKED); // literal, path, literal, …
  return parts.map((part, index) => index % 2 === 1 ? `\${${part}}` : part.replaceAll("$", "$$$$"))
    .join("");
}
