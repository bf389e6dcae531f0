/** A lint plugin: who may import whom, what only the Runtime may use, and how long a function is. */

/** Folder or file → what it may import, beside itself. The longest match wins. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "src/core": [],
  "src/telemetry": ["src/core"],
  "src/operations": ["src/core"],
  "src/mod.ts": ["src/core", "src/sdk"],
  "src/sdk": ["src/core"],
  "src/client.ts": ["src/core", "src/operations", "src/client"],
  "src/client": ["src/core", "src/operations"],
  "src/server/config.ts": [
    "src/core",
    "src/server/config_egress.ts",
    "src/server/config_http.ts",
    "src/server/config_oidc.ts",
    "src/server/config_reader.ts",
  ],
  "src/server/config_egress.ts": ["src/core", "src/egress", "src/server/config_reader.ts"],
  "src/server/config_http.ts": ["src/core", "src/server/config_reader.ts"],
  "src/server/config_oidc.ts": [
    "src/core",
    "src/server/config_egress.ts",
    "src/server/config_reader.ts",
  ],
  "src/server/config_reader.ts": ["src/core"],
  "src/server/runtime.ts": ["src/core"],
  "src/server/virtual_runtime.ts": ["src/core"],
  "actors": ["src/core", "src/telemetry"],
  "ffi": ["src/core"],
  "src/journal": ["src/core"],
  "src/postgres": ["src/core"],
  "src/bus": ["src/core", "src/telemetry"],
  "src/egress": ["src/core"],
  "src/registry": ["src/core"],
  "src/author": ["src/core", "src/registry"],
  "src/contracts": ["src/core", "src/operations"],
  "src/model": ["src/core", "src/telemetry"],
  "src/heal": ["src/core", "src/telemetry", "src/model", "src/mod.ts"],
  "src/dispatch": ["src/core", "src/operations", "src/telemetry"],
  "src/api": ["src/core", "src/operations", "src/telemetry", "src/contracts"],
  "src/mcp": ["src/core", "src/operations", "src/telemetry", "src/client.ts"],
  "web": ["src/core", "src/operations", "src/client.ts", "src/client", "src/author"],
  "docs": ["src/core", "src/operations"],
  "workflows": ["src/mod.ts", "src/testing.ts"],
  "examples": ["src/mod.ts", "src/testing.ts", "src/client.ts"],
};

/** Files whose own tests may wire them to anything: they are roots, or tests. */
const ROOTS =
  /^(src\/testing\.ts|src\/simulation(\.ts|\/)|src\/server\/(?!config|config_egress|config_http|config_oidc|config_reader|runtime|virtual_runtime)|src\/cli\/|npm\/|tests\/)/;
const TEST = /_test\.ts$|\/_[a-z_]+\.ts$|\/bench\.ts$/;

/** What only the Runtime's implementations use; tests and roots beside the hot path may. */
const RUNTIME_FOLDERS =
  /^(src\/(core|operations|journal|bus|egress|registry|author|contracts|dispatch|model|heal|api|mcp)\/|actors\/|ffi\/readiness|ffi\/oracle)/;
const RUNTIME_ONLY = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "Date",
  "performance",
  "crypto",
  "WeakRef",
]);

/** Members of those that read no clock. */
const PURE = new Set(["parse", "UTC"]);

/** Longer functions fail; aim at 25. */
const FUNCTION_LINES_MAX = 60;

const ALIASES: Readonly<Record<string, string>> = {
  "tasker": "src/mod.ts",
  "tasker/testing": "src/testing.ts",
  "tasker/simulation": "src/simulation.ts",
  "tasker/client": "src/client.ts",
};

/** Returns the path from the project's root, or undefined for files outside it. */
function fromRoot(path: string): string | undefined {
  const root = new URL("../", import.meta.url).pathname;
  return path.startsWith(root) ? path.slice(root.length) : undefined;
}

/** Returns the layer a path belongs to. */
function layerOf(path: string): string | undefined {
  return Object.keys(LAYERS)
    .filter((layer) => path === layer || path.startsWith(`${layer}/`))
    .sort((a, b) => b.length - a.length)[0];
}

/** Returns why a file may not import a specifier; undefined when it may. */
function whyNot(file: string, specifier: string): string | undefined {
  const isBare = !specifier.startsWith(".") && !(specifier in ALIASES);
  if (isBare || ROOTS.test(file) || TEST.test(file)) return undefined;
  const target = ALIASES[specifier] ??
    fromRoot(new URL(specifier, new URL(`../${file}`, import.meta.url)).pathname);
  const [layer, aim] = [layerOf(file), target === undefined ? undefined : layerOf(target)];
  if (layer === undefined) return `"${file}" is in no layer: add it to tests/layers.ts`;
  if (target === undefined || aim === layer || LAYERS[layer]?.some((one) => one === aim)) {
    return undefined;
  }
  return `"${layer}" may not import "${aim ?? target}"`;
}

function isRuntimeOnly(file: string, name: string): boolean {
  return RUNTIME_ONLY.has(name) && RUNTIME_FOLDERS.test(file) && !TEST.test(file);
}

const layers: Deno.lint.Rule = {
  create(context) {
    const file = fromRoot(context.filename);
    if (file === undefined) return {};
    const check = (node: { source?: Deno.lint.StringLiteral | null } & Deno.lint.Node) => {
      const why = node.source ? whyNot(file, node.source.value) : undefined;
      if (why !== undefined) context.report({ node, message: why });
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check };
  },
};

const runtime: Deno.lint.Rule = {
  create(context) {
    const file = fromRoot(context.filename);
    if (file === undefined) return {};
    const report = (node: Deno.lint.Node, name: string) =>
      context.report({ node, message: `only the Runtime port may use ${name}` });
    return {
      CallExpression(node) {
        if (node.callee.type === "Identifier" && isRuntimeOnly(file, node.callee.name)) {
          report(node, node.callee.name);
        }
      },
      MemberExpression(node) {
        const isPure = node.property.type === "Identifier" && PURE.has(node.property.name);
        if (!isPure && node.object.type === "Identifier" && isRuntimeOnly(file, node.object.name)) {
          report(node, node.object.name);
        }
        const isRandom = node.object.type === "Identifier" && node.object.name === "Math" &&
          node.property.type === "Identifier" && node.property.name === "random";
        if (isRandom && RUNTIME_FOLDERS.test(file)) report(node, "Math.random");
      },
      NewExpression(node) {
        const isNow = node.callee.type === "Identifier" && node.arguments.length === 0 &&
          isRuntimeOnly(file, node.callee.name);
        if (isNow) report(node, "Date");
      },
    };
  },
};

const functionLength: Deno.lint.Rule = {
  create(context) {
    const file = fromRoot(context.filename);
    if (file === undefined || TEST.test(file)) return {};
    const check = (node: Deno.lint.Node) => {
      const [from, to] = node.range;
      const lines = context.sourceCode.text.slice(from, to).split("\n").length;
      if (lines > FUNCTION_LINES_MAX) {
        context.report({
          node,
          message: `the function has ${lines} lines, at most ${FUNCTION_LINES_MAX}`,
        });
      }
    };
    return { FunctionDeclaration: check, FunctionExpression: check };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "tasker",
  rules: { layers, runtime, "function-length": functionLength },
};

export default plugin;
