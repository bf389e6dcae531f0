/** Operations: what is rarely asked for, in groups: workflows, policies, keys, dead letters. */

import type { Policy } from "../core/policy.ts";
import type { Scope } from "../core/api_key.ts";
import type {
  DeadLetter,
  Key,
  MadeKey,
  PolicyHistory,
  PolicyVersion,
  Time,
  Workflow,
  WorkflowSummary,
} from "./documents.ts";
import type { Http } from "./http.ts";
import { pagesOf } from "./pages.ts";

/** What any call may be given. */
export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a write may be given. */
export interface WriteOptions extends CallOptions {
  /** The same write with the same key is done once. Made anew for each call unless said. */
  readonly idempotencyKey?: string;
}

/** Definitions. */
export class Workflows {
  constructor(private readonly http: Http) {}

  /** Lists the workflows of the key's namespaces. */
  async list({ signal }: CallOptions = {}): Promise<readonly WorkflowSummary[]> {
    const { workflows } = await this.http.ask<{ workflows: readonly WorkflowSummary[] }>({
      path: "/v1/workflows",
      signal,
    });
    return workflows;
  }

  /**
   * Reads every version of a workflow. Shape: `name` is `namespace/name`.
   *
   * @throws {ClientError} definition.unknown
   */
  get(name: string, { signal }: CallOptions = {}): Promise<Workflow> {
    return this.http.ask({ path: `/v1/workflows/${workflowPath(name)}`, signal });
  }
}

/** What may be tuned without a new version. */
export class Policies {
  constructor(private readonly http: Http) {}

  /**
   * Reads every version of a workflow's policy overlay, the newest first.
   *
   * @throws {ClientError} definition.unknown
   */
  get(workflow: string, { signal }: CallOptions = {}): Promise<PolicyHistory> {
    return this.http.ask({ path: `/v1/policies/${workflowPath(workflow)}`, signal });
  }

  /**
   * Adds the next version of a workflow's policy overlay, which replaces the one before.
   *
   * Shape: `steps` is by step name, `*` being every step; `expectedVersion` is the newest version
   * that the change was made for (0 = none), and guards against overwriting another's change.
   *
   * @throws {ClientError} definition.unknown, policy.invalid, policy.conflict
   */
  put(
    workflow: string,
    { signal, idempotencyKey, ...body }: WriteOptions & {
      readonly steps: Readonly<Record<string, Policy>>;
      readonly reason: string;
      readonly by?: string;
      readonly expectedVersion?: number;
    },
  ): Promise<PolicyVersion> {
    const path = `/v1/policies/${workflowPath(workflow)}`;
    return this.http.ask({ method: "PUT", path, body, idempotencyKey, signal });
  }
}

/** API keys. */
export class ApiKeys {
  constructor(private readonly http: Http) {}

  /** Lists keys, without their secrets. */
  async list({ signal }: CallOptions = {}): Promise<readonly Key[]> {
    const { keys } = await this.http.ask<{ keys: readonly Key[] }>({ path: "/v1/keys", signal });
    return keys;
  }

  /**
   * Makes a key, never with more rights than the one that asks; `key` is shown this once.
   *
   * @throws {ClientError} api.forbidden
   */
  make(
    { signal, idempotencyKey, ...body }: WriteOptions & {
      readonly name: string;
      readonly scopes: readonly Scope[];
      /** Whose tasks and workflows it may use; `*` = all. */
      readonly namespaces?: readonly string[];
      /** For whom it may poll and reply on the bus; `*` = all. */
      readonly systems?: readonly string[];
      readonly expiresAt?: Time;
    },
  ): Promise<MadeKey> {
    return this.http.ask({ method: "POST", path: "/v1/keys", body, idempotencyKey, signal });
  }

  /** Removes a key; other nodes learn it within seconds. @throws {ClientError} key.not_found */
  remove(id: string, { signal, idempotencyKey }: WriteOptions = {}): Promise<void> {
    const path = `/v1/keys/${encodeURIComponent(id)}`;
    return this.http.ask({ method: "DELETE", path, idempotencyKey, signal });
  }
}

/** Envelopes nobody could use. */
export class Dead {
  constructor(private readonly http: Http) {}

  /** Lists dead letters, page by page. */
  list({ signal }: CallOptions = {}): AsyncGenerator<DeadLetter> {
    return pagesOf(async (cursor) => {
      const { letters, nextCursor } = await this.http.ask<
        { letters: readonly DeadLetter[]; nextCursor?: string }
      >({ path: "/v1/dead", query: { limit: 200, cursor }, signal });
      return { entries: letters, next: nextCursor };
    });
  }

  /**
   * Puts a dead letter back into its channel.
   *
   * @throws {ClientError} dead_letter.not_found, bus.unavailable, bus.envelope_invalid when it never
   *   was an envelope
   */
  replay(
    id: string,
    { signal, idempotencyKey }: WriteOptions = {},
  ): Promise<{ readonly id: string; readonly channel: string }> {
    const path = `/v1/dead/${encodeURIComponent(id)}/replay`;
    return this.http.ask({ method: "POST", path, idempotencyKey, signal });
  }

  /** Discards a dead letter. @throws {ClientError} dead_letter.not_found */
  discard(id: string, { signal, idempotencyKey }: WriteOptions = {}): Promise<void> {
    const path = `/v1/dead/${encodeURIComponent(id)}`;
    return this.http.ask({ method: "DELETE", path, idempotencyKey, signal });
  }
}

/** `namespace/name` as two segments of a path. */
function workflowPath(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}
