/** Module nodes: values that stand in TypeScript as literals, and where. What is no literal is code. */

import type * as TypeScript from "typescript";
import type { CodePart, Path } from "./document.ts";

/** TypeScript, which is loaded when the first module is read. */
export type Ts = typeof TypeScript.default;

/** What is found while a module is read, by path as JSON. */
export interface Found {
  readonly code: Map<string, CodePart>;
  readonly values: Map<string, TypeScript.Node>;
  readonly keys: Map<string, TypeScript.Node>;
  /** Objects that take a field of this path, under the names that the module has for it. */
  readonly holders: Map<string, readonly Holder[]>;
}

/** An object in the module that holds fields of the document. */
export interface Holder {
  readonly node: TypeScript.ObjectLiteralExpression;
  /** The module's name for a field; undefined: it does not hold such a field. */
  nameOf(field: string): string | undefined;
  /** What its value is called in the document. */
  fieldOf(name: string): string | undefined;
}

/** Characters of code that a document shows. */
const SOURCE_MAX = 2_000;

/** Names of fields that are those of manifests. */
const SAME: Pick<Holder, "nameOf" | "fieldOf"> = {
  nameOf: (field) => field,
  fieldOf: (name) => name,
};

/** Reads literals of one source file. */
export class ModuleNodes {
  readonly found: Found = {
    code: new Map(),
    values: new Map(),
    keys: new Map(),
    holders: new Map(),
  };
  readonly #constants = new Map<string, TypeScript.Expression>();

  constructor(readonly ts: Ts, readonly source: TypeScript.SourceFile) {
    for (const statement of source.statements) {
      if (!ts.isVariableStatement(statement)) continue;
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (ts.isIdentifier(name) && initializer) this.#constants.set(name.text, initializer);
      }
    }
  }

  /** What a name stands for in this file; other expressions stand for themselves. */
  resolve(node: TypeScript.Expression): TypeScript.Expression {
    const inner = this.unwrap(node);
    const constant = this.ts.isIdentifier(inner) ? this.#constants.get(inner.text) : undefined;
    return constant === undefined ? inner : this.unwrap(constant);
  }

  /** Takes off parentheses and what only the compiler reads. */
  unwrap(node: TypeScript.Expression): TypeScript.Expression {
    const { ts } = this;
    const isWrapped = ts.isParenthesizedExpression(node) || ts.isAsExpression(node) ||
      ts.isSatisfiesExpression(node) || ts.isNonNullExpression(node);
    return isWrapped ? this.unwrap(node.expression) : node;
  }

  /** The name of the function that an expression calls. */
  calleeOf(node: TypeScript.Node): string | undefined {
    const { ts } = this;
    if (!ts.isCallExpression(node)) return undefined;
    const { expression } = node;
    if (ts.isIdentifier(expression)) return expression.text;
    return ts.isPropertyAccessExpression(expression) ? expression.name.text : undefined;
  }

  /** The name of a property; undefined when it is computed. */
  nameOf(name: TypeScript.PropertyName): string | undefined {
    const { ts } = this;
    return ts.isIdentifier(name) || ts.isStringLiteralLike(name) || ts.isNumericLiteral(name)
      ? name.text
      : undefined;
  }

  /** Notes that a value is code. */
  note(path: Path, node: TypeScript.Node, name = this.#shownName(node)): void {
    const source = node.getText(this.source).slice(0, SOURCE_MAX);
    this.found.code.set(JSON.stringify(path), { name, source });
    this.found.values.set(JSON.stringify(path), node);
  }

  #shownName(node: TypeScript.Node): string {
    const { ts } = this;
    if (ts.isIdentifier(node)) return node.text;
    if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) return "a function";
    if (ts.isMethodDeclaration(node)) return "a method";
    if (ts.isSpreadAssignment(node)) return "a spread";
    const text = node.getText(this.source);
    return text.length > 40 ? `${text.slice(0, 39)}…` : text;
  }

  /**
   * Reads a value; what is no literal is noted as code. A name that stands for a literal has its value,
   * and is code, because others may use it, too.
   */
  read(node: TypeScript.Expression, path: Path): unknown {
    const inner = this.unwrap(node);
    this.found.values.set(JSON.stringify(path), inner);
    const { ts } = this;
    if (ts.isObjectLiteralExpression(inner)) return this.readObject(inner, path, SAME);
    if (ts.isArrayLiteralExpression(inner)) return this.#readList(inner, path);
    const literal = this.literalOf(inner);
    if (literal !== undefined) return literal.value;
    if (ts.isIdentifier(inner) && inner.text === "undefined") return undefined;
    this.note(path, inner);
    const constant = this.resolve(inner);
    return constant === inner ? undefined : this.#readAside(constant);
  }

  /** Reads a value that stands elsewhere: its parts have no place here. */
  #readAside(node: TypeScript.Expression): unknown {
    const other = new ModuleNodes(this.ts, this.source);
    const value = other.read(node, []);
    return other.found.code.size > 0 ? undefined : value;
  }

  /** A text, a number, a boolean or null. */
  literalOf(
    node: TypeScript.Node,
  ): { readonly value: string | number | boolean | null } | undefined {
    const { ts } = this;
    if (ts.isStringLiteralLike(node)) return { value: node.text };
    if (ts.isNumericLiteral(node)) return { value: Number(node.text) };
    if (node.kind === ts.SyntaxKind.TrueKeyword) return { value: true };
    if (node.kind === ts.SyntaxKind.FalseKeyword) return { value: false };
    if (node.kind === ts.SyntaxKind.NullKeyword) return { value: null };
    const isNegative = ts.isPrefixUnaryExpression(node) &&
      node.operator === ts.SyntaxKind.MinusToken && ts.isNumericLiteral(node.operand);
    return isNegative ? { value: -Number(node.operand.text) } : undefined;
  }

  /** Reads an object whose fields may have other names in the document. */
  readObject(
    node: TypeScript.ObjectLiteralExpression,
    path: Path,
    names: Pick<Holder, "nameOf" | "fieldOf">,
  ): Record<string, unknown> {
    const key = JSON.stringify(path);
    this.found.holders.set(key, [...this.found.holders.get(key) ?? [], { node, ...names }]);
    const fields: Record<string, unknown> = {};
    for (const property of node.properties) {
      const name = property.name === undefined ? undefined : this.nameOf(property.name);
      const field = name === undefined ? undefined : names.fieldOf(name);
      if (name === undefined) this.note([...path, "..."], property);
      if (field === undefined) continue;
      const place = [...path, field];
      if (property.name) this.found.keys.set(JSON.stringify(place), property.name);
      const value = this.#readProperty(property, place);
      if (value !== undefined) fields[field] = value;
    }
    return fields;
  }

  #readProperty(property: TypeScript.ObjectLiteralElementLike, path: Path): unknown {
    const { ts } = this;
    if (ts.isPropertyAssignment(property)) return this.read(property.initializer, path);
    if (ts.isShorthandPropertyAssignment(property)) return this.read(property.name, path);
    this.note(path, property);
    return undefined;
  }

  #readList(node: TypeScript.ArrayLiteralExpression, path: Path): unknown {
    const items = node.elements.map((element, index) => this.read(element, [...path, index]));
    const isWhole = items.every((item) => item !== undefined) &&
      !node.elements.some(this.ts.isSpreadElement);
    if (isWhole) return items;
    this.note(path, node, "a list with code");
    return undefined;
  }
}
