/** Failure types for people: what each means, and what a person can do. */

import type { FailureType } from "../core/healing.ts";

/** What people are given to read about a type. */
export interface Meaning {
  /** What it is, as the rest of a sentence that begins with "this looks like". */
  readonly means: string;
  /** What a person can do beside deciding about the step. */
  readonly advice: string;
}

/** Every type. */
export const MEANINGS: Readonly<Record<FailureType, Meaning>> = {
  timeout: {
    means: "an attempt that takes longer than its time-out allows",
    advice:
      "compare the time-out with how long completed attempts take, and raise it if the work " +
      "is as slow as it should be; else find out what the attempt waits for",
  },
  latency_shift: {
    means: "a system that has become slower than it was, so that attempts run into their time-outs",
    advice:
      "find out what changed at the system; until then a longer time-out helps, if the system " +
      "is not overloaded",
  },
  overload: {
    means: "more work than the system, or this node, can take",
    advice: "send less at once (a limit of concurrency, paused starts); do not raise retries or " +
      "time-outs, which adds load",
  },
  dependency_down: {
    means: "a system that cannot be reached, or serves nobody",
    advice:
      "see whether the system runs; retry the parked steps once it does, or use an alternative",
  },
  flapping: {
    means: "a system that goes down and comes back again and again",
    advice: "find out what restarts or loses it; a circuit keeps attempts from the bad stretches",
  },
  partial_endpoint: {
    means: "one operation of a system that fails while its others work",
    advice: "see whether that operation was moved, switched off or removed",
  },
  worker_local: {
    means: "one worker that fails while the others of its system work",
    advice: "take the worker out of service and look at its machine: disk, memory, clock, version",
  },
  rate_limit: {
    means: "a provider that refuses because it is asked too often",
    advice: "send less a second, wait as long as Retry-After says, or ask the provider for more",
  },
  auth: {
    means: "credentials that the system does not accept, or may not do what is asked",
    advice: "renew the key, token or certificate, or its permissions; then retry the parked steps",
  },
  validation: {
    means: "a request that the system understood, and refuses because of what it asks",
    advice: "correct what is sent, or resolve the step with the result that the business wants",
  },
  contract_drift: {
    means: "two sides that no longer agree on the form of what they send",
    advice: "compare the contract of the step with what the system sends now; one of them changed",
  },
  poison: {
    means: "one task that fails whatever is done, while others go well",
    advice: "look at the input of this task; retrying it changes nothing",
  },
  data_quality: {
    means: "data of some tasks that is wrong, incomplete or missing",
    advice: "correct the data where it comes from, then retry the steps that it stopped",
  },
  ambiguous_side_effect: {
    means: "an attempt that may have taken effect, although it did not say so",
    advice:
      "look in the other system whether it took effect: if it did, resolve the step with its " +
      "result; only if it did not, retry it",
  },
  interrupted: {
    means: "a process that ended while it ran the attempt",
    advice: "nothing, if it was restarted on purpose; else find out what ends it",
  },
  deploy_regression: {
    means: "a new version that fails where the one before did not",
    advice:
      "start tasks with the earlier version, or deploy a fixed one; tasks that are under way " +
      "keep theirs",
  },
  config: {
    means: "a setting that is missing or wrong",
    advice:
      "compare the settings with those of a place that works, and with the last change of the " +
      "policy",
  },
  resource: {
    means: "a machine that has run out of memory, processes or files",
    advice: "raise the limit, or find what does not give it back",
  },
  storage: {
    means: "a disk or a database that cannot keep or read data",
    advice: "look at free space, and at the state of the volume and the database",
  },
  bus: {
    means: "envelopes that cannot be delivered",
    advice: "look at the broker: `tasker doctor` says whether it answers",
  },
  clock: {
    means: "clocks that do not agree",
    advice: "compare the time of both machines, and see whether their synchronisation runs",
  },
  novel: {
    means: "none of the kinds of failure that are known here",
    advice: "read the error and the evidence; what helps will be remembered for the next time",
  },
};
