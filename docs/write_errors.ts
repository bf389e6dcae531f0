/** Writes errors.md from the list of codes: `deno run --allow-write=docs docs/write_errors.ts`. */

import { type ErrorCode, ERRORS, type Retry } from "../src/core/errors.ts";
import type { FailureClass } from "../src/core/event.ts";

const HEAD = `# Errors

Written from \`src/core/errors.ts\` by \`docs/write_errors.ts\`: do not edit.

## What the API answers

Every error is a document of type \`application/problem+json\` (RFC 9457). Its \`code\` is stable:
programs may compare it. \`detail\` says what happened, \`action\` what you can do, and \`errors\` lists
the places of bad input. A server's own fault (5xx) carries a reference in \`instance\`; look for it in
the server's log. A request that was refused changed nothing.
`;

const FAILURES_HEAD = `## How an attempt fails

A step's \`errorClass\` says how its newest attempt ended. It decides whether the attempt is repeated.

`;

const RETRIES: Readonly<Record<Retry, string>> = {
  now: "at once",
  later: "after `Retry-After`",
  never: "no, change it first",
};

const FAILURES: Readonly<Record<FailureClass, string>> = {
  failed: "The step answered with an error of its contract. It fails for good, unless the answer " +
    "says that it is retryable.",
  thrown: "The step's code threw. It is retried, until `attemptsMax`.",
  timed_out:
    "A time-out of the step was over: `timeoutMs`, `heartbeatMs` or `queueTimeoutMs`. It " +
    "is retried, until `attemptsMax`. A signal fails, or parks.",
  contract_violation:
    "The input, result or error does not match the step's contract. It fails for " +
    "good: fix the step or its contract, then retry or resolve it.",
  interrupted:
    "The process that ran the attempt ended. It is started again and does not count as " +
    "an attempt; an at-most-once step parks.",
  undeliverable:
    "No envelope could be made or sent, for instance because it is too large. Fix what " +
    "the error names, then retry the step.",
};

/** Returns the text of errors.md. */
export function errorsText(): string {
  const codes = Object.keys(ERRORS).sort() as ErrorCode[];
  const rows = codes.map((code) => {
    const { title, http, retry, action } = ERRORS[code];
    const again = `HTTP ${http}; the same request again: ${RETRIES[retry]}.`;
    return `### \`${code}\`\n\n${title}. ${again}\n\n${action}.\n`;
  });
  const failures = Object.entries(FAILURES).map(([name, text]) => `- **\`${name}\`** ${text}`);
  return [HEAD, ...rows, `${FAILURES_HEAD}${failures.join("\n")}\n`].join("\n");
}

if (import.meta.main) {
  const path = new URL("errors.md", import.meta.url);
  await Deno.writeTextFile(path, errorsText());
}
