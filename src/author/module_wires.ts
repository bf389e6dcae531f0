/** Module wires: reads `workflow(meta, (w) => …)` and bindings of `implement("….yaml", …)`. */

import type * as TypeScript from "typescript";
import { type Fields, type Path, stepsOf } from "./document.ts";
import { type Holder, ModuleNodes } from "./module_nodes.ts";

/** What modules call the fields of manifests. */
const META: Readonly<Record<string, string>> = {
  namespace: "namespace",
  name: "name",
  version: "version",
  input: "input",
  failurePolicy: "failure_policy",
  deadlineMs: "deadline",
  heal: "heal",
  search: "search",
};
const HEAL: Readonly<Record<string, string>> = {
  tier: "tier",
  timeoutMs: "timeout",
  attemptsMax: "attempts_max",
};
const RETRY: Readonly<Record<string, string>> = {
  attemptsMax: "attempts_max",
  backoff: "backoff",
  delayMsMin: "delay_min",
  delayMsMax: "delay_max",
  by: "by",
};
const POLICY: Readonly<Record<string, string>> = {
  timeoutMs: "timeout",
  queueTimeoutMs: "queue_timeout",
  heartbeatMs: "heartbeat",
  concurrencyMax: "concurrency_max",
  onExhausted: "on_exhausted",
  retry: "retry",
  alternatives: "alternatives",
};
const CONTRACT: Readonly<Record<string, string>> = {
  input: "input",
  success: "result",
  error: "error",
};
const DEFINITION: Readonly<Record<string, string>> = {
  owner: "owner",
  system: "owner",
  event: "event_pattern",
  atMostOnce: "at_most_once",
  ...POLICY,
  ...CONTRACT,
};
const WIRING: Readonly<Record<string, string>> = { when: "when", with: "with" };
const SIGNAL: Readonly<Record<string, string>> = {
  success: "form",
  timeoutMs: "timeout",
  onTimeout: "on_timeout",
};
const SLEEP: Readonly<Record<string, string>> = { ms: "sleep" };
const OUTPUT: Readonly<Record<string, string>> = { with: "with", success: "result" };

function names(table: Readonly<Record<string, string>>): Pick<Holder, "nameOf" | "fieldOf"> {
  const back = new Map(Object.entries(table).map(([name, field]) => [field, name]));
  return {
    nameOf: (field) => back.get(field),
    fieldOf: (name) => Object.hasOwn(table, name) ? table[name] : undefined,
  };
}

/** Reads what a module wires, in the words of manifests. */
export class ModuleWires {
  readonly #names = new Map<string, string>();
  readonly #uses = new Map<TypeScript.Node, number>();

  constructor(readonly nodes: ModuleNodes) {}

  /** Reads `workflow(meta, wire)`. */
  workflow(call: TypeScript.CallExpression): Fields {
    const [meta, wire] = call.arguments;
    const fields = meta === undefined ? {} : this.meta(meta);
    const steps: unknown[] = [];
    let output: Fields | undefined;
    const calls = wire === undefined ? [] : this.#callsIn(wire);
    for (const one of calls) {
      const index = steps.length;
      const read = this.#wire(one, ["workflow_steps", index]);
      if (read === "output") output = this.#output(one);
      else if (read !== undefined) steps.push(read);
    }
    return { ...fields, workflow_steps: steps, ...(output && { output }) };
  }

  /** Reads the fields of a workflow. */
  meta(node: TypeScript.Expression): Fields {
    const meta = this.nodes.resolve(node);
    if (!this.nodes.ts.isObjectLiteralExpression(meta)) return {};
    const fields = this.nodes.readObject(meta, [], names(META));
    this.#renamed(meta, "heal", { path: ["heal"], table: HEAL, into: fields });
    return fields;
  }

  /** Notes the code that a module binds to the steps of the manifest that it states. */
  bound(call: TypeScript.CallExpression, value: Fields): void {
    const { ts } = this.nodes;
    const [, meta, wire] = call.arguments;
    const object = meta && this.nodes.resolve(meta);
    if (object === undefined || !ts.isObjectLiteralExpression(object)) return;
    const input = this.#property(object, "input");
    if (input !== undefined) this.nodes.note(["input"], input);
    const steps = this.#property(object, "steps");
    const byName = new Map(stepsOf(value).map(({ name, index }) => [name, index]));
    for (const one of steps && ts.isObjectLiteralExpression(steps) ? steps.properties : []) {
      const index = byName.get(one.name && this.nodes.nameOf(one.name) || "");
      if (index !== undefined) this.nodes.note(["workflow_steps", index, "run"], one);
    }
    for (const give of wire === undefined ? [] : this.#callsIn(wire)) {
      const [handle] = give.arguments;
      const isGive = this.nodes.calleeOf(give) === "give" && handle !== undefined;
      const name = isGive && ts.isPropertyAccessExpression(handle) ? handle.name.text : "";
      const index = byName.get(name);
      if (index !== undefined) {
        this.nodes.note(["workflow_steps", index, "with"], give, "w.give(…)");
      }
    }
  }

  /** Reads the definitions that a module binds to the steps of a manifest elsewhere. */
  bindings(meta: TypeScript.Expression): readonly Fields[] {
    const { ts } = this.nodes;
    const object = this.nodes.resolve(meta);
    const property = ts.isObjectLiteralExpression(object)
      ? this.#property(object, "steps")
      : undefined;
    const steps = property && this.nodes.resolve(property);
    if (steps === undefined || !ts.isObjectLiteralExpression(steps)) return [];
    return steps.properties.flatMap((one, index) => {
      const name = one.name && this.nodes.nameOf(one.name);
      const definition = ts.isPropertyAssignment(one)
        ? one.initializer
        : ts.isShorthandPropertyAssignment(one)
        ? one.name
        : undefined;
      if (name === undefined || definition === undefined || !one.name) return [];
      const path = ["workflow_steps", index];
      this.nodes.found.values.set(JSON.stringify([...path, "name"]), one.name);
      this.nodes.note([...path, "name"], one.name, "the manifest names it");
      // What a call defines has places of its own; a step of the manifest is not written here.
      const call = this.nodes.resolve(definition);
      if (ts.isCallExpression(call)) this.nodes.found.values.set(JSON.stringify(path), call);
      return [{ name, ...this.#definition(definition, path) }];
    });
  }

  /** The calls of the wiring function's parameter, in the order of the text. */
  #callsIn(wire: TypeScript.Expression): readonly TypeScript.CallExpression[] {
    const { ts } = this.nodes;
    const found = this.nodes.resolve(wire);
    if (!ts.isArrowFunction(found) && !ts.isFunctionExpression(found)) return [];
    const [parameter] = found.parameters;
    if (parameter === undefined || !ts.isIdentifier(parameter.name)) return [];
    const w = parameter.name.text;
    const calls: TypeScript.CallExpression[] = [];
    const visit = (node: TypeScript.Node): void => {
      const isWire = ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) &&
        ts.isIdentifier(node.expression.expression) && node.expression.expression.text === w;
      if (isWire) calls.push(node);
      ts.forEachChild(node, visit);
    };
    visit(found.body);
    return calls.toSorted((a, b) => a.pos - b.pos);
  }

  #wire(call: TypeScript.CallExpression, path: Path): Fields | "output" | undefined {
    const { ts } = this.nodes;
    const kind = this.nodes.calleeOf(call);
    if (kind === "output") return "output";
    const [name, second, third] = call.arguments;
    const literal = name && this.nodes.literalOf(this.nodes.unwrap(name));
    if (name === undefined || typeof literal?.value !== "string") {
      this.nodes.note(["workflow_steps"], call, "steps that code names");
      return undefined;
    }
    this.nodes.found.values.set(JSON.stringify(path), call);
    this.nodes.found.values.set(JSON.stringify([...path, "name"]), this.nodes.unwrap(name));
    const { parent } = call;
    if (ts.isVariableDeclaration(parent) && ts.isIdentifier(parent.name)) {
      this.#names.set(parent.name.text, literal.value);
    }
    const wiring = kind === "step" ? third : second;
    const own = kind === "step"
      ? second === undefined ? {} : this.#definition(second, path)
      : kind === "signal"
      ? { signal: this.#object(second, [...path, "signal"], SIGNAL) }
      : this.#object(second, path, SLEEP);
    const placed = kind === "step" ? this.#object(wiring, path, WIRING) : {};
    return { name: literal.value, ...this.#edges(wiring, path), ...own, ...placed };
  }

  #object(
    node: TypeScript.Expression | undefined,
    path: Path,
    table: Readonly<Record<string, string>>,
  ): Fields {
    const object = node && this.nodes.resolve(node);
    if (object === undefined || !this.nodes.ts.isObjectLiteralExpression(object)) return {};
    return this.nodes.readObject(object, path, names(table));
  }

  /** What a step depends on: code wires it, by the values that earlier calls returned. */
  #edges(wiring: TypeScript.Expression | undefined, path: Path): Fields {
    const { ts } = this.nodes;
    const object = wiring && this.nodes.resolve(wiring);
    if (object === undefined || !ts.isObjectLiteralExpression(object)) return {};
    const needs = this.#property(object, "needs");
    const after = this.#property(object, "after");
    const handles: TypeScript.Node[] = [];
    if (needs && ts.isObjectLiteralExpression(needs)) {
      for (const one of needs.properties) {
        if (ts.isPropertyAssignment(one)) handles.push(one.initializer);
        if (ts.isShorthandPropertyAssignment(one)) handles.push(one.name);
      }
    }
    if (after && ts.isArrayLiteralExpression(after)) handles.push(...after.elements);
    const found = handles.flatMap((handle) => {
      const name = ts.isIdentifier(handle) ? this.#names.get(handle.text) : undefined;
      return name === undefined ? [] : [name];
    });
    const names = [...new Set(found)];
    if (names.length === 0) return {};
    this.nodes.note([...path, "depends_on"], needs ?? after ?? object, "the wiring");
    return { depends_on: names };
  }

  /** Reads `step({…})`, `remote({…})`, the object itself, or a name for one. */
  #definition(node: TypeScript.Expression, path: Path): Fields {
    const { ts } = this.nodes;
    const outer = this.nodes.unwrap(node);
    const resolved = this.nodes.resolve(outer);
    const isCall = ["step", "remote"].includes(this.nodes.calleeOf(resolved) ?? "");
    const argument = isCall && ts.isCallExpression(resolved) ? resolved.arguments[0] : resolved;
    const object = argument && this.nodes.resolve(argument);
    const name = ts.isIdentifier(outer) ? outer.text : undefined;
    if (object === undefined || !ts.isObjectLiteralExpression(object)) {
      this.nodes.note([...path, "handler"], outer);
      return { handler: name ?? "code" };
    }
    const uses = (this.#uses.get(object) ?? 0) + 1;
    this.#uses.set(object, uses);
    const fields = this.nodes.readObject(object, path, names(DEFINITION));
    this.#renamed(object, "retry", { path: [...path, "retry"], table: RETRY, into: fields });
    const run = object.properties.find((one) => one.name && this.nodes.nameOf(one.name) === "run");
    if (uses > 1) this.#share(object, path, name ?? "a definition");
    if (run === undefined) return fields;
    this.nodes.note([...path, "handler"], run, name ?? "run");
    return { ...fields, handler: name ?? "run" };
  }

  /** Reads an inner object again, under the names that manifests have for its fields. */
  #renamed(
    object: TypeScript.ObjectLiteralExpression,
    name: string,
    { path, table, into }: {
      readonly path: Path;
      readonly table: Readonly<Record<string, string>>;
      readonly into: Record<string, unknown>;
    },
  ): void {
    const property = this.#property(object, name);
    if (property === undefined || !this.nodes.ts.isObjectLiteralExpression(property)) return;
    this.nodes.found.holders.delete(JSON.stringify(path));
    into[name] = this.nodes.readObject(property, path, names(table));
  }

  /** A definition that several steps use is changed by hand. */
  #share(object: TypeScript.ObjectLiteralExpression, path: Path, name: string): void {
    for (const { name: property } of object.properties) {
      const own = property && this.nodes.nameOf(property);
      const field = own && names(DEFINITION).fieldOf(own);
      if (field !== undefined && property) {
        this.nodes.note([...path, field], property, `${name}, which other steps use`);
      }
    }
  }

  #output(call: TypeScript.CallExpression): Fields {
    const [wiring] = call.arguments;
    this.nodes.found.values.set('["output"]', call);
    return this.#object(wiring, ["output"], OUTPUT);
  }

  #property(
    object: TypeScript.ObjectLiteralExpression,
    name: string,
  ): TypeScript.Expression | undefined {
    const { ts } = this.nodes;
    const found = object.properties.find((one) => one.name && this.nodes.nameOf(one.name) === name);
    return found && ts.isPropertyAssignment(found)
      ? this.nodes.unwrap(found.initializer)
      : undefined;
  }
}
