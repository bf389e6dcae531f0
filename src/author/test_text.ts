/**
 * Generated tests: the text of a test of a manifest on a virtual clock, out of what its rehearsal did.
 * Values get into it as literals and nowhere else. Pure.
 */

import type { Plan, PlannedStep } from "../core/plan.ts";

/** What a run did, by the names of steps. */
export interface TestedRun {
  /** The step that fails; absent: every step succeeds. */
  readonly fails?: string;
  readonly end: string;
  /** What each step that was asked took, in the order in which they were. */
  readonly taken: ReadonlyMap<string, unknown>;
  /** Steps that ran because of the failure. */
  readonly handledBy: readonly string[];
  readonly output?: unknown;
}

/** What a test is made of. */
export interface TestedWorkflow {
  readonly plan: Plan;
  /** The manifest, as the test names it: `user_registration.yaml`. */
  readonly file: string;
  readonly input: unknown;
  /** The good path first. */
  readonly runs: readonly TestedRun[];
  resultOf(step: PlannedStep): unknown;
  errorOf(step: PlannedStep): unknown;
}

/** Failures that are tested. */
const FAILURES_MAX = 12;

/** Columns of a line. */
const WIDTH = 100;

/**
 * Writes a test for `deno test`, beside the manifest: the good path, what each step takes on it, and what
 * follows from failures.
 *
 * @returns undefined when code of a module runs a step: a test of the manifest alone would wait for it
 */
export function testTextOf(of: TestedWorkflow): string | undefined {
  const isCoded = of.plan.steps.some(({ definition: { kind } }) => kind === "local");
  return isCoded ? undefined : `${new TestWriter(of).lines().join("\n")}\n`;
}

class TestWriter {
  readonly #good: TestedRun | undefined;
  readonly #failed: readonly TestedRun[];

  constructor(readonly of: TestedWorkflow) {
    const [good, ...failed] = of.runs;
    this.#good = good;
    this.#failed = failed
      .toSorted((one, other) =>
        Number(other.handledBy.length > 0) - Number(one.handledBy.length > 0)
      )
      .slice(0, FAILURES_MAX);
  }

  lines(): readonly string[] {
    const { file, input, resultOf, errorOf } = this.of;
    const [remote, http, people] = (["remote", "http", "signal"] as const).map((kind) =>
      this.#stepsOf(kind)
    );
    const failing = this.of.plan.steps.filter(({ name }) =>
      this.#failed.some(({ fails }) => fails === name)
    );
    const hasHttp = http !== undefined && http.length > 0;
    return [
      "/** Made with its manifest, out of a rehearsal: tests on a virtual clock, yours to change. */",
      "",
      'import { deepEqual, equal } from "node:assert/strict";',
      'import { openTestEngine, type SystemCall } from "tasker/testing";',
      "",
      `const MANIFEST = new URL(${JSON.stringify(`./${file}`)}, import.meta.url);`,
      "",
      `const INPUT = ${literal(input)};`,
      "",
      ...tableLines(
        "What each step is answered",
        "RESULTS",
        [...remote ?? [], ...http ?? []],
        resultOf,
      ),
      ...tableLines("What a step fails with", "ERRORS", failing, errorOf),
      ...tableLines("How people answer", "ANSWERS", people ?? [], resultOf),
      ...(hasHttp
        ? [
          "/** Which step makes which request. */",
          `const REQUESTS: Readonly<Record<string, string>> = ${literal(this.#requests(http))};`,
          "",
        ]
        : []),
      ...this.#playLines(hasHttp),
      ...this.#goodLines(),
      ...this.#failed.flatMap((run) => this.#failedLines(run)),
    ].slice(0, -1);
  }

  #stepsOf(kind: string): readonly PlannedStep[] {
    return this.of.plan.steps.filter(({ definition }) => definition.kind === kind);
  }

  /** What other systems were asked for. */
  #asked({ taken }: TestedRun): readonly (readonly [step: string, value: unknown])[] {
    const remote = new Set(this.#stepsOf("remote").map(({ name }) => name));
    return [...taken].filter(([step]) => remote.has(step));
  }

  /** The method and the URL of each request of the good path. */
  #requests(http: readonly PlannedStep[]): Readonly<Record<string, string>> {
    return Object.fromEntries(http.flatMap(({ name, definition }) => {
      const url = urlOf(this.#good?.taken.get(name));
      return url === undefined ? [] : [[`${definition.http?.method} ${url}`, name]];
    }));
  }

  #playLines(hasHttp: boolean): readonly string[] {
    const events = this.#stepsOf("remote").map(({ definition: { event = "" } }) => event);
    return [
      "/** Runs a task to its end; one step fails for good, or none. */",
      "async function play(failing?: string) {",
      "  const asked: Record<string, unknown> = {};",
      "  const answer = (call: SystemCall) => {",
      "    asked[call.step] = call.input;",
      "    return call.step === failing ? call.fail(ERRORS[call.step]) : RESULTS[call.step];",
      "  };",
      `  const events = ${literal([...new Set(events)], 2)};`,
      "  const engine = await openTestEngine([MANIFEST], {",
      "    systems: Object.fromEntries(events.map((event) => [event, answer])),",
      ...(hasHttp
        ? [
          "    http: ({ method, url }) => {",
          '      const step = REQUESTS[`${method} ${url}`] ?? "";',
          "      return step === failing ? { status: 422 } : { body: RESULTS[step] ?? null };",
          "    },",
        ]
        : []),
      "  });",
      `  const task = await engine.start(${JSON.stringify(this.of.plan.workflow)}, INPUT);`,
      "  // An answer that comes before its step waits for it.",
      "  for (const [name, payload] of Object.entries(ANSWERS)) {",
      "    const { state } = task.step(name);",
      '    const isOpen = state === "pending" || state === "waiting_for_reply";',
      "    if (isOpen && name !== failing) await task.signal(name, payload);",
      "  }",
      "  const end = await task.end();",
      "  return { asked, end, task, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() };",
      "}",
      "",
    ];
  }

  #goodLines(): readonly string[] {
    if (this.#good === undefined) return [];
    const { output } = this.#good;
    const asked = Object.fromEntries(this.#asked(this.#good));
    return [
      ...this.#head("completes when every step succeeds", ""),
      '  equal(played.end, "completed");',
      `  deepEqual(played.asked, ${literal(asked, 2)});`,
      ...(output === undefined ? [] : [`  deepEqual(played.task.output, ${literal(output, 2)});`]),
      "});",
      "",
    ];
  }

  #failedLines(run: TestedRun): readonly string[] {
    const { fails = "", end, handledBy } = run;
    const then = handledBy.length === 0 ? `ends ${end}` : `runs ${handledBy.join(", ")}`;
    const asked = this.#asked(run);
    // What an http step fails with is what its host answers.
    const isHttp = this.#stepsOf("http").some(({ name }) => name === fails);
    const handled = isHttp ? [] : asked.filter(([step]) => handledBy.includes(step));
    return [
      ...this.#head(`${then} when ${fails} fails`, JSON.stringify(fails)),
      `  equal(played.end, ${JSON.stringify(end)});`,
      `  deepEqual(Object.keys(played.asked), ${literal(asked.map(([step]) => step), 2)});`,
      ...handled.map(([step, value]) =>
        `  deepEqual(played.asked[${JSON.stringify(step)}], ${literal(value, 2)});`
      ),
      "});",
      "",
    ];
  }

  #head(law: string, failing: string): readonly string[] {
    const { definition: { name } } = this.of.plan;
    return [
      `Deno.test(${JSON.stringify(`${name} ${law}`)}, async () => {`,
      `  await using played = await play(${failing});`,
      "",
    ];
  }
}

/** The URL of what an http step took, as it is requested. */
function urlOf(took: unknown): string | undefined {
  const { url, query = {} } = (took ?? {}) as {
    url?: string;
    query?: Readonly<Record<string, unknown>>;
  };
  const parsed = URL.parse(url ?? "");
  if (parsed === null) return undefined;
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value ?? []].flat()) parsed.searchParams.append(name, String(one));
  }
  return parsed.href;
}

function tableLines(
  what: string,
  name: string,
  steps: readonly PlannedStep[],
  valueOf: (step: PlannedStep) => unknown,
): readonly string[] {
  const table = Object.fromEntries(steps.map((step) => [step.name, valueOf(step)]));
  return [
    `/** ${what}. */`,
    `const ${name}: Readonly<Record<string, unknown>> = ${literal(table)};`,
    "",
  ];
}

/** A JSON value as TypeScript: in one line where it fits, keys without quotes where they may be. */
function literal(value: unknown, indent = 0): string {
  const entries = Array.isArray(value)
    ? value.map((item) => ["", item] as const)
    : typeof value === "object" && value !== null
    ? Object.entries(value).map(([key, field]) => [`${keyText(key)}: `, field] as const)
    : undefined;
  if (entries === undefined) return JSON.stringify(value) ?? "undefined";
  const isList = Array.isArray(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return `${open}${close}`;
  const parts = entries.map(([key, field]) => key + literal(field, indent + 2));
  const inner = parts.join(", ");
  const line = isList ? `[${inner}]` : `{ ${inner} }`;
  const isShort = line.length + indent <= WIDTH / 2 && !line.includes("\n");
  if (isShort) return line;
  const pad = " ".repeat(indent + 2);
  return `${open}\n${parts.map((part) => `${pad}${part},\n`).join("")}${
    " ".repeat(indent)
  }${close}`;
}

function keyText(key: string): string {
  // A key __proto__ would set the prototype.
  if (key === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}
