/** What modules export, and who imports it: by TypeScript's own parser. */

import ts from "typescript";
import { read, resolvePath } from "./sources.ts";

/** One exported name. */
export interface Export {
  readonly path: string;
  readonly name: string;
  readonly isType: boolean;
  /** Whether its own file uses it, too. */
  readonly isUsedHere: boolean;
}

/** A name that a file imports from another one; `*` is all of them. */
export interface Import {
  readonly from: string;
  readonly name: string;
}

/** Exports and imports of one file. */
export interface Names {
  readonly exports: readonly Export[];
  readonly imports: readonly Import[];
}

/** Reads what a TypeScript file exports and imports. Shape: `aliases` are the import map's own. */
export function namesOf(path: string, aliases: Readonly<Record<string, string>>): Names {
  const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest);
  const counts = identifiersOf(file);
  const exports = file.statements.flatMap(exportedBy).map(({ name, isType }) => (
    { path, name, isType, isUsedHere: (counts.get(name) ?? 0) > 1 }
  ));
  const imports = importsIn(file).flatMap(({ specifier, names }) => {
    const from = aliases[specifier] ??
      (specifier.startsWith(".") ? resolvePath(path, specifier) : undefined);
    return from === undefined ? [] : names.map((name) => ({ from, name }));
  });
  return { exports, imports };
}

function exportedBy(statement: ts.Statement): { name: string; isType: boolean }[] {
  const isExported = ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  if (!isExported) return [];
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) =>
      ts.isIdentifier(name) ? [{ name: name.text, isType: false }] : []
    );
  }
  const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
  const named = isType || ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement);
  return named && statement.name !== undefined ? [{ name: statement.name.text, isType }] : [];
}

function importsIn(file: ts.SourceFile): { specifier: string; names: readonly string[] }[] {
  const found: { specifier: string; names: readonly string[] }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const specifier = node.moduleSpecifier;
      if (specifier !== undefined && ts.isStringLiteral(specifier)) {
        found.push({ specifier: specifier.text, names: namesIn(node) });
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier !== undefined && ts.isStringLiteral(specifier)) {
        found.push({ specifier: specifier.text, names: ["*"] });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function namesIn(node: ts.ImportDeclaration | ts.ExportDeclaration): readonly string[] {
  const named = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause;
  if (named === undefined) return ts.isExportDeclaration(node) ? ["*"] : [];
  if (ts.isNamespaceImport(named) || ts.isNamespaceExport(named)) return ["*"];
  return [...named.elements].map(({ propertyName, name }) => (propertyName ?? name).text);
}

/** How often each identifier stands in a file. */
function identifiersOf(file: ts.SourceFile): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) counts.set(node.text, (counts.get(node.text) ?? 0) + 1);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return counts;
}
