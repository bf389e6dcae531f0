/** Writes errors.md from the list of codes: `deno run --allow-write=docs docs/write_errors.ts`. */

import { type ErrorCode, ERRORS, type Retry } from "../src/core/errors.ts";
import type { ParkReason } from "../src/core/attempt.ts";
import type { FailureClass } from "../src/core/event.ts";
import type { WaitReason } from "../src/core/rollup.ts";

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
  never: "no, change it",
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
    "good and cannot be retried: fix the step or its contract, and start a new task.",
  interrupted:
    "The process that ran the attempt ended. It is started again and does not count as " +
    "an attempt; an at-most-once step parks, and so does one that hung two servers in a row.",
  undeliverable:
    "No envelope could be made or sent, for instance because it is too large. Fix what " +
    "the error names, and start a new task.",
};

const PARKED_HEAD = `## Why a step parks

A parked step waits for a person: retry it, resolve it with a result, skip it, or cancel the task.

`;

const PARKED: Readonly<Record<ParkReason, string>> = {
  not_retryable:
    "The attempt failed in a way that is not retried, and a rule of the step's policy parks it then " +
    "(`retry.by` with `onExhausted: park`) instead of letting it fail.",
  attempts_exhausted: "All of `attemptsMax` attempts failed. Fix the cause, then retry the step.",
  deadline_before_retry:
    "The attempt failed, and the next one would only be due after the task's deadline, at which the " +
    "task fails. Resolve the step with its result or retry it before that.",
  at_most_once: "Nobody knows whether the attempt of an `atMostOnce` step took effect. Find out, " +
    "then resolve the step with its result, or retry it.",
  retry_after_too_long: "The other side asks to be left alone for more than seven days.",
  interrupted_too_often: "Ten processes ended while they ran the step. It may be what ends them: " +
    "look for memory or a crash, then retry it.",
  hung_twice:
    "Two servers in a row stood still while they ran the step, and were ended. Look for " +
    "an endless loop or a long computation without an await, deploy the fix, then retry it. Steps " +
    "that only ran beside it may be parked, too: retry them.",
  timed_out: 'A signal with `onTimeout: "park"` did not come in time.',
};

const WAITING_HEAD = `## What a step waits for

A task whose \`blockedReason\` names one of these goes on by itself, except where it says otherwise.

`;

const WAITING: Readonly<Record<WaitReason, string>> = {
  no_system_offers:
    "No system that the workflow's namespace may use offers the step's capability in the version it " +
    "asks for: see `tasker systems`, and register one that does.",
  instances_differ:
    "Some healthy instances of the system offer the capability in that version and others do not: any " +
    "of them may get the step, so it waits until all do.",
  no_healthy_instance:
    "The instances that could run the step are unhealthy or gone: see `tasker system NAME`. The step " +
    "starts as soon as one is healthy.",
  no_worker:
    "No worker has ever asked for commands of the step's system. Start one; its time-outs " +
    "begin then.",
  retry_budget:
    "The system was sent as many retries as it may take, or the step made as many if no system is " +
    "known before it starts; the budget refills by time and by answers, and nodes share it. A retry " +
    "by hand needs none.",
  concurrency_max: "As many attempts of this step run on the node as its policy allows.",
  node_full: "As many local steps run on the node as it can take.",
  circuit_open:
    "Ten attempts in a row got no answer from the system, on one node, or half of at least 20 in " +
    "ten seconds. All nodes leave it alone for 10 s; then one attempt tries it, and each answer " +
    "lets one more try at once.",
  system_saturated:
    "As many attempts run at the system as it can answer in time: more would only wait there " +
    "until they time out. The step goes on by itself as others end.",
  deadline_too_near:
    "The task's deadline leaves less time than nine in ten attempts of this step have needed " +
    "lately, so none is started. An earlier attempt may still be answered; else the task fails at " +
    "its deadline.",
  system_held:
    "Nothing may be sent to the system before a time that its limits name (`holdUntilMs`): " +
    "`tasker limits SYSTEM`. The step goes on by itself then.",
  system_concurrency:
    "As many attempts run on all nodes as the limit of the step's system, or of " +
    "its capability, allows: `tasker limits SYSTEM`.",
  system_rate: "All nodes together started as many attempts in this second as the limit of the " +
    "step's system, or of its capability, allows.",
  node_draining: "The node stops, or gives the task to another one, which starts the step.",
  code_not_loaded: "No node has the code of the task's version. Start a server with it.",
};

/** Returns the text of errors.md. */
export function errorsText(): string {
  const codes = Object.keys(ERRORS).sort() as ErrorCode[];
  const rows = codes.map((code) => {
    const { title, http, retry, action } = ERRORS[code];
    const again = `HTTP ${http}; the same request again: ${RETRIES[retry]}.`;
    return `### \`${code}\`\n\n${title}. ${again}\n\n${action}.\n`;
  });
  return [
    HEAD,
    ...rows,
    `${FAILURES_HEAD}${listOf(FAILURES)}`,
    `${PARKED_HEAD}${listOf(PARKED)}`,
    `${WAITING_HEAD}${listOf(WAITING)}`,
  ].join("\n");
}

function listOf(texts: Readonly<Record<string, string>>): string {
  return Object.entries(texts).map(([name, text]) => `- **\`${name}\`** ${text}\n`).join("");
}

if (import.meta.main) {
  const path = new URL("errors.md", import.meta.url);
  await Deno.writeTextFile(path, errorsText());
}
