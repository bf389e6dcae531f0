/** Workflows of older files, in the one form from which a manifest is written. */

/** A step, as older files state it. */
export interface OldStep {
  readonly name: string;
  readonly description: string | undefined;
  /** The class or callable that did its work. */
  readonly handler: string | undefined;
  readonly owner: string;
  /** Names of steps, as they are in the manifest. */
  readonly dependsOn: readonly string[];
  readonly attemptsMax: number | undefined;
  readonly backoff?: string | readonly number[];
  readonly delayMsMin?: number;
  readonly delayMsMax?: number;
  readonly timeoutS?: number;
  /** What its handler was given beside the task; undefined: nothing. */
  readonly config: unknown;
  readonly result?: unknown;
}

/** A workflow, as older files state it. */
export interface OldWorkflow {
  readonly name: string;
  readonly namespace: string;
  readonly version: string;
  readonly description: string | undefined;
  readonly input: unknown;
  readonly deadlineMin?: number;
  readonly steps: readonly OldStep[];
}
