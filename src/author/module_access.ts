/**
 * Module access: what the code of a module uses that step code may not have. The server runs no programs,
 * loads no libraries and compiles no text; files, the environment and hosts it has for itself alone.
 */

import type * as TypeScript from "typescript";
import type { Ts } from "./module_nodes.ts";

/** Something that code uses. */
export interface Access {
  /** Its place in the text. */
  readonly offset: number;
  readonly text: string;
  /** No permission would allow it; else it depends on the server's. */
  readonly isRefused: boolean;
}

/** Uses that are named of one module. */
const ACCESSES_MAX = 50;

const PROGRAMS = /^(?:Command|run|dlopen|kill|exit)$/;
const OPEN =
  /^(?:env|open|openSync|read\w*|write\w*|remove\w*|rename\w*|mkdir\w*|copyFile\w*|stat\w*|connect\w*|listen\w*|serve|makeTemp\w*|cwd|chdir|watchFs)$/;
const NODE_REFUSED = /^(?:node:)?(?:child_process|worker_threads|vm|cluster|ffi)$/;
const NODE_OPEN = /^(?:node:)?(?:fs(?:\/promises)?|net|http|https|http2|dgram|tls|dns|os|process)$/;

/** Finds what a module uses beyond what step code may. Cost: O(size). */
export function accessesIn(ts: Ts, source: TypeScript.SourceFile): readonly Access[] {
  const found: Access[] = [];
  const open: TypeScript.Node[] = [source];
  for (
    let node = open.pop();
    node !== undefined && found.length < ACCESSES_MAX;
    node = open.pop()
  ) {
    const access = accessOf(ts, node, source);
    if (access !== undefined) found.push({ offset: node.getStart(source), ...access });
    node.forEachChild((child) => void open.push(child));
  }
  return found.sort((a, b) => a.offset - b.offset);
}

function accessOf(
  ts: Ts,
  node: TypeScript.Node,
  source: TypeScript.SourceFile,
): Omit<Access, "offset"> | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return ofImport(node.moduleSpecifier.text);
  }
  if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
    const { expression } = node;
    if (expression.kind === ts.SyntaxKind.ImportKeyword) {
      return { text: "loads code while it runs: import it at the top", isRefused: true };
    }
    const name = ts.isIdentifier(expression) ? expression.text : "";
    if (name === "eval" || name === "Function") {
      return { text: `${name} runs a text as code`, isRefused: true };
    }
    if (name === "fetch" || name === "WebSocket") {
      return {
        text: `${name} calls a host: an http step does that, and is guarded`,
        isRefused: false,
      };
    }
    return undefined;
  }
  if (!ts.isPropertyAccessExpression(node) || node.expression.getText(source) !== "Deno") {
    return undefined;
  }
  const what = `Deno.${node.name.text}`;
  if (PROGRAMS.test(node.name.text)) {
    return { text: `${what} is refused: the server runs no programs`, isRefused: true };
  }
  return OPEN.test(node.name.text)
    ? { text: `${what} fails, unless the server has that permission for all`, isRefused: false }
    : undefined;
}

function ofImport(from: string): Omit<Access, "offset"> | undefined {
  if (NODE_REFUSED.test(from)) {
    return { text: `"${from}" is refused: the server runs no programs`, isRefused: true };
  }
  if (/^https?:/.test(from)) {
    return { text: `"${from}" is not on this machine: nothing is downloaded`, isRefused: true };
  }
  return NODE_OPEN.test(from)
    ? { text: `"${from}" fails, unless the server has that permission for all`, isRefused: false }
    : undefined;
}
