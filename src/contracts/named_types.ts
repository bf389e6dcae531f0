/** Named types: the contracts of steps as types that have names, the same in every language. */

import { CONTRACT_PARTS, type ContractPart } from "../core/schema_id.ts";
import type { RemoteStep } from "./remote_steps.ts";
import { readShapes, type Shape, unionOf } from "./shape.ts";

/** A type. Objects inside of it are types of their own, so it only refers to them. */
export interface NamedType {
  readonly name: string;
  readonly shape: Shape;
}

/** What a system is asked for, with its types: that of each part of the contract and those inside. */
export interface TypedStep extends RemoteStep {
  readonly names: Readonly<Record<ContractPart, string>>;
  /** A type stands before those that it refers to. */
  readonly types: readonly NamedType[];
}

/** Names the types of steps. The same steps have the same names each time. */
export function nameTypes(steps: readonly RemoteStep[]): readonly TypedStep[] {
  const names = new Names();
  const typeNames = stepTypeNames(steps);
  return steps.map((step, index) => {
    const typeName = typeNames[index] as string;
    const types: NamedType[] = [];
    const partNames = CONTRACT_PARTS.map((part) => {
      const name = names.take(`${typeName}${pascalCase(part)}`);
      types.push(...new Namer(names, step.contract[part] ?? {}).nameAll(name));
      return [part, name];
    });
    return { ...step, names: Object.fromEntries(partNames), types };
  });
}

/** Returns `check_stock` as `CheckStock`. Shape: ASCII letters and digits. */
export function pascalCase(text: string): string {
  return text.split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}

/** Returns what begins the names of each step's types: its event, or more where others have it. */
export function stepTypeNames(steps: readonly RemoteStep[]): readonly string[] {
  const candidates = [
    ({ event }: RemoteStep) => event,
    ({ system, event }: RemoteStep) => `${system}.${event}`,
    ({ askedBy: [first] }: RemoteStep) => `${first?.workflow}.${first?.step}`,
  ].map((textOf) => steps.map((step) => typeNameOf(textOf(step))));
  return steps.map((_, index) => {
    const unique = candidates.find((names) =>
      names.filter((name) => name === names[index]).length === 1
    );
    return (unique ?? candidates.at(-1) ?? [])[index] ?? "Step";
  });
}

/** A name of a type begins with a letter. */
function typeNameOf(text: string): string {
  const name = pascalCase(text);
  return /^[A-Z]/.test(name) ? name : `Step${name}`;
}

/** Names that are taken. */
export class Names {
  readonly #taken = new Set<string>();

  /** Takes a name; with a number behind it where it is taken already. */
  take(wanted: string): string {
    let name = wanted;
    for (let number = 2; this.#taken.has(name); number++) name = `${wanted}${number}`;
    this.#taken.add(name);
    return name;
  }
}

/** Names the types of one schema. */
class Namer {
  readonly #names: Names;
  readonly #shape: Shape;
  readonly #definitions: ReadonlyMap<string, Shape>;
  readonly #pointers = new Map<string, string>();
  readonly #types: NamedType[] = [];
  #base = "";

  constructor(names: Names, schema: Readonly<Record<string, unknown>>) {
    const { shape, definitions } = readShapes(schema);
    this.#names = names;
    this.#shape = shape;
    this.#definitions = definitions;
  }

  /** Returns the type of the schema under a name that is taken, and all types inside. */
  nameAll(name: string): readonly NamedType[] {
    this.#base = name;
    this.#pointers.set("#", name);
    this.#add(name, this.#shape);
    return this.#types;
  }

  #add(name: string, shape: Shape): void {
    const place = this.#types.push({ name, shape }) - 1;
    this.#types[place] = { name, shape: this.#inside(this.#grounded(shape, new Set()), name) };
  }

  /** Replaces the objects inside of a type by references. */
  #inside(shape: Shape, name: string): Shape {
    if (shape.kind !== "object") return this.#refer(shape, name);
    const fields = shape.fields.map((field) => ({
      ...field,
      shape: this.#refer(field.shape, `${name}${pascalCase(field.name) || "Field"}`),
    }));
    return { ...shape, fields };
  }

  #refer(shape: Shape, name: string): Shape {
    switch (shape.kind) {
      case "object":
        return this.#hoist(shape, name);
      case "array":
        return { ...shape, items: this.#refer(shape.items, `${name}Item`) };
      case "map":
        return { ...shape, values: this.#refer(shape.values, `${name}Value`) };
      case "tuple":
        return {
          ...shape,
          items: shape.items.map((item, index) => this.#refer(item, `${name}${index + 1}`)),
          rest: this.#refer(shape.rest, `${name}Rest`),
        };
      case "union":
        return { ...shape, of: this.#alternatives(shape.of, name) };
      case "ref":
        return { kind: "ref", to: this.#definition(shape.to) };
      default:
        return shape;
    }
  }

  #hoist(shape: Shape, wanted: string): Shape {
    const name = this.#names.take(wanted);
    this.#add(name, shape);
    return { kind: "ref", to: name };
  }

  /** Objects of a union are named by the field whose value says which one it is. */
  #alternatives(of: readonly Shape[], name: string): readonly Shape[] {
    const objects = of.filter(({ kind }) => kind === "object");
    return of.map((shape) => {
      const word = objects.length < 2 ? "" : tagOf(shape) ?? `Option${objects.indexOf(shape) + 1}`;
      return this.#refer(shape, `${name}${word}`);
    });
  }

  /** Returns the name of a definition, whose type is added when it is first referred to. */
  #definition(pointer: string): string {
    const known = this.#pointers.get(pointer);
    if (known !== undefined) return known;
    const word = pascalCase(pointer.split("/").at(-1) ?? "") || "Definition";
    const name = this.#names.take(`${this.#base}${word}`);
    this.#pointers.set(pointer, name);
    this.#add(name, this.#definitions.get(pointer) ?? { kind: "any" });
    return name;
  }

  /** A type that is nothing but itself, or but others that are, has no value: languages refuse it. */
  #grounded(shape: Shape, seen: ReadonlySet<string>): Shape {
    if (shape.kind === "union") return unionOf(shape.of.map((one) => this.#grounded(one, seen)));
    if (shape.kind !== "ref") return shape;
    if (seen.has(shape.to)) return { kind: "never" };
    const target = this.#definitions.get(shape.to) ?? { kind: "any" };
    const isNested = target.kind === "ref" || target.kind === "union";
    return isNested ? this.#grounded(target, new Set([...seen, shape.to])) : shape;
  }
}

/** The only value of a text field, as in `{ kind: "card" }`. */
function tagOf(shape: Shape): string | undefined {
  if (shape.kind !== "object") return undefined;
  for (const { shape: field, isRequired } of shape.fields) {
    if (field.kind !== "literal" || field.values.length !== 1 || !isRequired) continue;
    const [value] = field.values;
    const word = typeof value === "string" ? pascalCase(value) : "";
    if (word !== "") return word;
  }
  return undefined;
}
