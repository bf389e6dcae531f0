/** Problems of a document with safety: secrets in its text, hosts that nobody registered, templates. */

import type { Directory, Problem } from "../core/authoring.ts";
import type { ProblemCode } from "../core/problem_codes.ts";
import { hideSecrets } from "../core/redaction.ts";
import { type Document, type Fields, type Path, stepsOf } from "./document.ts";
import { problem } from "./problem.ts";
import { mappingsOf } from "./references.ts";
import { isRecord } from "./yaml_text.ts";

/** Fields that are prose: a colon in them assigns nothing. */
const PROSE: ReadonlySet<unknown> = new Set(["description", "title", "todo", "manual", "$comment"]);

/** Templates of other languages: what gets the text may run them. */
const FOREIGN = /\{\{|\{%|<%|#\{/;

/** Finds what of a document is not safe. */
export function safetyProblems(
  document: Document,
  directory: Directory | undefined,
): readonly Problem[] {
  const check = new SafetyCheck(document);
  check.secrets(document.value, []);
  for (const { index, fields } of stepsOf(document.value)) {
    for (const { path, value } of mappingsOf(fields)) {
      check.templates(value, ["workflow_steps", index, ...path]);
    }
  }
  check.hosts(directory);
  check.accesses();
  return check.problems;
}

class SafetyCheck {
  readonly problems: Problem[] = [];

  constructor(readonly document: Document) {}

  accesses(): void {
    for (const { at, text, isRefused } of this.document.accesses ?? []) {
      const severity = isRefused ? "error" : "warning";
      this.problems.push(problem("W40", { path: [], at, text, severity }));
    }
  }

  secrets(value: unknown, path: Path): void {
    if (typeof value === "string") {
      if (holdsSecret(value, path.at(-1))) {
        this.#add("W41", path, "looks like a secret: keep it in TASKER_SECRETS, and name it here");
      }
      return;
    }
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      this.secrets(inner, [...path, Array.isArray(value) ? Number(key) : key]);
    }
  }

  templates(value: unknown, path: Path): void {
    if (typeof value === "string") {
      if (FOREIGN.test(value)) {
        this.#add("W43", path, "looks like a template of another language: it is sent as it is");
      }
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        this.templates(inner, [...path, Array.isArray(value) ? Number(key) : key]);
      }
    }
  }

  /** Requests go to hosts that are registered, and to systems. */
  hosts(directory: Directory | undefined): void {
    const { systems } = this.document.value;
    const declared = isRecord(systems) ? Object.entries(systems) : [];
    for (const [name, system] of declared) {
      if (!isRecord(system) || system.transport !== "http") continue;
      this.#host(system.base_url, ["systems", name, "base_url"], directory?.hosts);
    }
    const own = declared.flatMap(([, system]) =>
      hostOf((system as Fields | null)?.base_url)?.host ?? []
    );
    const hosts = directory?.hosts && [...directory.hosts, ...own];
    for (const { index, fields: { http } } of stepsOf(this.document.value)) {
      if (isRecord(http)) this.#host(http.url, ["workflow_steps", index, "http", "url"], hosts);
    }
  }

  #host(url: unknown, path: Path, hosts: readonly string[] | undefined): void {
    if (typeof url !== "string") return;
    const called = hostOf(url);
    if (called === undefined) {
      if (!url.includes("$")) return; // no URL at all is the loader's fault
      const text = "the task's data decide which host is called: name the host, or a system";
      const problemAt = { path, at: this.document.at(path), text, severity: "warning" } as const;
      this.problems.push(problem("W42", problemAt));
    } else if (hosts !== undefined && !hosts.some((pattern) => isHostOf(pattern, called))) {
      const text = `host "${called.host}" may not be called here: TASKER_EGRESS has to name it`;
      this.#add("W42", path, text);
    }
  }

  #add(code: ProblemCode, path: Path, text: string): void {
    this.problems.push(problem(code, { path, at: this.document.at(path), text }));
  }
}

/** Whether a text holds a secret, by its form or by the name of its field; references hold none. */
function holdsSecret(text: string, key: Path[number] | undefined): boolean {
  if (text.startsWith("$.") || key === "secret") return false;
  const own = text.replace(/\$\{[^}]*\}/g, "").trim();
  if (own === "") return false;
  if (PROSE.has(key)) {
    const prose = own.replace(/[:=]/g, " ");
    return hideSecrets(prose) !== prose;
  }
  const named = typeof key === "string" ? `${JSON.stringify(key)}: ${JSON.stringify(own)}` : own;
  return hideSecrets(own) !== own || hideSecrets(named) !== named;
}

/** The host that a URL names before any part that a mapping makes. */
function hostOf(url: unknown): URL | undefined {
  const [, head] = /^(https?:\/\/[^/?#$]+)(?:[/?#]|$)/i.exec(String(url)) ?? [];
  return head === undefined ? undefined : URL.parse(head) ?? undefined;
}

/** Whether a pattern such as `*.company.com:8443` stands for a host; without a port, for all of its ports. */
function isHostOf(pattern: string, { hostname, port, protocol }: URL): boolean {
  const [, name = "", wanted] = /^(.*?)(?::(\d+))?$/.exec(pattern) ?? [];
  const called = port || (protocol === "https:" ? "443" : "80");
  if (wanted !== undefined && wanted !== called) return false;
  return name === "*" || name === hostname ||
    (name.startsWith("*.") && hostname.endsWith(name.slice(1)));
}
