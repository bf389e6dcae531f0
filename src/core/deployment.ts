/** Deployments: versions of workflows that come as documents, and which one a start takes. */

import type { Problem } from "./authoring.ts";
import type { Rehearsal } from "./rehearsal.ts";
import type { VersionBreak } from "./version_breaks.ts";
import type { Definition } from "./workflow.ts";

/** Which entries of a history. */
export interface DeploymentPage {
  /** 1..200 */
  readonly limit: number;
  /** Absent: from the newest. */
  readonly before?: number;
}

/** Which workflow. */
export interface WorkflowName {
  readonly namespace: string;
  readonly name: string;
}

/** One entry of a workflow's history: a version that came in, or one that starts take again. */
export interface DeploymentEntry extends WorkflowName {
  /** 1, 2, … of this workflow; the newest one says which version starts take. */
  readonly entry: number;
  readonly kind: "deploy" | "revert";
  readonly version: string;
  readonly hash: string;
  readonly by: string;
  readonly reason: string;
  /** What a person let it break, and why; absent: it breaks nothing. */
  readonly forced?: Forced;
  readonly atMs: number;
}

/** What a person let a version break, and why. */
export interface Forced {
  readonly reason: string;
  readonly breaks: readonly string[];
}

/** An entry that brought a version in, with its text. */
export interface DeployedDocument extends DeploymentEntry {
  readonly text: string;
}

/** The newest entry of a workflow, with what this server needs to load its version. */
export interface DeployedText
  extends Pick<DeploymentEntry, "namespace" | "name" | "entry" | "version" | "hash"> {
  /** Counts the entries of all workflows. */
  readonly number: number;
  readonly text: string;
}

/** An entry to be added; `text` is there when it brings its version in. */
export interface NewDeployment
  extends Pick<DeploymentEntry, "namespace" | "name" | "version" | "hash" | "by" | "reason"> {
  /** The newest entry that is known, 0 for none. */
  readonly after: number;
  readonly document?: { readonly text: string; readonly definition: Definition };
  readonly forced?: Forced;
}

/** A version that is stored; those without an entry came from files. */
export interface StoredVersion {
  readonly version: string;
  readonly hash: string;
}

/** One difference between two versions of a workflow. */
export interface WorkflowChange {
  readonly part: "workflow" | "step" | "edge" | "contract" | "policy";
  readonly what: "added" | "removed" | "changed";
  /** A step, `step.field`, `from → to` of an edge, or a field of the workflow. */
  readonly path: string;
  /** What is there now, and what was. */
  readonly text: string;
}

/** What a deployment or a revert does, or would do. */
export interface DeployReport extends WorkflowName {
  readonly version: string;
  readonly hash: string;
  /** `unchanged`: it was deployed already. */
  readonly outcome: "deployed" | "reverted" | "unchanged" | "dry_run";
  /** Whether it is taken: false where it breaks others, in a dry run. */
  readonly isAccepted: boolean;
  /** The version that starts take. */
  readonly starts: string;
  /** The version that it is compared with: the one that starts took. */
  readonly before?: string;
  /** Tasks of that one that have not ended; they keep it. */
  readonly openTasks: number;
  readonly changes: readonly WorkflowChange[];
  /** Changes that are not listed. */
  readonly moreChanges: number;
  /** Whom its steps ask, a line each: systems, hosts, with which secrets. */
  readonly reaches: readonly string[];
  /** Why it was let in although it breaks others. */
  readonly forced?: string;
  readonly breaks: readonly VersionBreak[];
  /** Warnings: what is an error is refused. */
  readonly problems: readonly Problem[];
  /** Of a dry run: what simulated runs show. Absent: the server is busy with others. */
  readonly rehearsal?: Rehearsal;
}

/** Which version starts are to take again. */
export interface RevertRequest extends WorkflowName {
  readonly to: string;
  readonly by: string;
  readonly reason: string;
  readonly isDryRun: boolean;
}

/** The text of a version. */
export interface WorkflowSource extends DeployedDocument {
  /** The version that starts take. */
  readonly starts: string;
}
