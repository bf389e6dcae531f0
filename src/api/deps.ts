/** What the API works with. All of it is passed in; it owns none of it. */

import type { BusAddress } from "../contracts/asyncapi.ts";
import type { Role } from "../core/api_key.ts";
import type { Envelope } from "../core/envelope.ts";
import type { Incident } from "../core/incident.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { FullPolicy } from "../core/policy.ts";
import type {
  Audit,
  CommandSink,
  CommitTimes,
  DeadLetter,
  DeadLetters,
  Definitions,
  Deployer,
  Diagnoser,
  Documents,
  Exports,
  Feed,
  Generator,
  History,
  InstanceRow,
  Keys,
  NodeFacts,
  Notes,
  Optimiser,
  Plans,
  Policies,
  Registrar,
  Rehearser,
  ResidentTasks,
  Runtime,
  Sessions,
  SharedStates,
  Signatures,
  Starter,
  Starts,
  StatisticsStore,
  StepLogs,
  SystemQueue,
  SystemSummary,
} from "../core/ports.ts";
import type { TriggerRule } from "../core/trigger.ts";
import type { Definition } from "../core/workflow.ts";
import type { REFUSALS } from "../operations/sessions.ts";
import type { HealthCheck } from "../operations/node.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Workers without a broker: envelopes out, envelopes in. */
export interface Worker {
  /**
   * Waits up to `waitMs` for at most `max` envelopes of a system, and may return none. One that gets no
   * reply within `leaseMs` is returned again.
   */
  poll(
    system: string,
    options: { max: number; waitMs: number; leaseMs: number; signal: AbortSignal },
  ): Promise<readonly Envelope[]>;
  /**
   * Takes a reply as it came. One that is not a valid envelope fails the attempt that it names.
   *
   * @throws {TaskerError} bus.reply_refused, bus.envelope_invalid, journal.*, node.draining
   */
  reply(system: string, reply: unknown): Promise<void>;
}

/** How this node is. */
export interface Health {
  readonly node: string;
  readonly version: string;
  /** How long its last commits took; undefined: it has made none, or nobody knows. */
  commit?(): CommitTimes | undefined;
  /** Why it should not get requests now; undefined when it should. */
  notReady(): Promise<string | undefined>;
  /** Each looks at one part. A throw, or no answer for `CHECK_MS_MAX`, is a part that is not ok. */
  readonly checks: readonly NamedCheck[];
}

/** Checks one part. */
export interface NamedCheck {
  readonly name: string;
  /** What a person can do when it is not ok. */
  readonly action: string;
  look(): Promise<HealthCheck>;
}

/** How browsers sign in. */
export interface SignIn {
  /** Whether they speak to this server over TLS. */
  readonly isHttps: boolean;
  /** Where people sign in without a key. */
  readonly provider: IdentityProvider | undefined;
}

/** A person as an identity provider knows them. */
export interface ProvenPerson {
  /** Never changes, and no one else has it. */
  readonly id: string;
  /** As journals and the audit name them. */
  readonly name: string;
  readonly role: Role;
}

/** Why somebody is not signed in. */
export interface SignInRefusal {
  readonly refusal: (typeof REFUSALS)[number];
  /** For the log. */
  readonly why: string;
}

/** A sign-in at an identity provider. */
export interface ProviderSignIn {
  /** 64 hex digits that only this browser has; what must not be guessed is made of them. */
  readonly secret: string;
  /** Where the provider sends the browser back to. */
  readonly returnUrl: string;
}

/** An identity provider: OpenID Connect, by authorization code. */
export interface IdentityProvider {
  /** The host that people sign in at. */
  readonly name: string;
  /** Returns where the browser goes to sign in. */
  begin(of: ProviderSignIn): Promise<{ readonly url: string } | SignInRefusal>;
  /** Takes what the provider sent the browser back with. */
  finish(
    of: ProviderSignIn & { readonly query: URLSearchParams },
  ): Promise<ProvenPerson | SignInRefusal>;
}

/** Everything `openApi` needs. */
export interface ApiDeps {
  readonly runtime: Runtime;
  /** Takes which request is computed now, up to its first wait; undefined: none. */
  readonly noteRequest: (request: string | undefined) => void;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly starter: Starter;
  readonly starts: Starts;
  readonly sink: CommandSink;
  readonly history: History;
  readonly exports: Exports;
  readonly feed: Feed;
  readonly notes: Notes;
  readonly residents: ResidentTasks;
  readonly plans: Pick<Plans, "byHash">;
  readonly definitions: Definitions;
  /** What a definition is stored under. */
  readonly hashOf: (definition: Definition) => string;
  readonly signatures: Signatures;
  /** Why requests to a URL that a secret signs, or the secret alone, are not allowed here; undefined: they are. */
  readonly whyNotCalled: (url: string | undefined, secret: string) => string | undefined;
  /**
   * Checks what a trigger does against the version of its workflow that a start takes.
   *
   * @throws {TaskerError} trigger.invalid, definition.unknown
   */
  readonly checkTrigger: (name: string, trigger: TriggerRule) => void;
  readonly deployer: Deployer;
  readonly policies: Policies;
  readonly documents: Documents;
  readonly optimiser: Optimiser;
  readonly rehearser: Rehearser;
  readonly generator: Generator;
  readonly diagnoser: Diagnoser;
  readonly statistics: Pick<StatisticsStore, "read">;
  /**
   * Puts back what an incident has changed, or withdraws what it proposes; says what was done.
   *
   * @throws {TaskerError} proposal.not_open
   */
  readonly revertIncident: (
    incident: Incident,
    who: { readonly by: string; readonly reason: string },
  ) => Promise<string>;
  /** Takes back what is not decided yet, once healing is switched off; the ids of the incidents. */
  readonly settleHealing: () => Promise<readonly string[]>;
  /** Adds to incidents what became of their changes after they had ended. */
  readonly withFates: (incidents: readonly Incident[]) => Promise<readonly Incident[]>;
  readonly sharedStates: Pick<SharedStates, "read">;
  /** The policy that attempts of a step follow now. */
  readonly policyOf: (of: { plan: Plan; taskId: TaskId }, step: number) => FullPolicy;
  readonly keys: Keys;
  readonly audit: Audit;
  readonly stepLogs: Pick<StepLogs, "read">;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  /** Where traces are shown, with `{traceId}` in it. */
  readonly traceUrl: string | undefined;
  readonly dead: DeadLetters;
  /**
   * Puts a dead letter back into its channel; the caller removes it.
   *
   * @throws {TaskerError} bus.envelope_invalid when it never was an envelope, bus.unavailable
   */
  replayDead(letter: DeadLetter): Promise<void>;
  /** Every owner of steps, out of memory. */
  systems(): readonly SystemSummary[];
  /** What waits for a system. @throws {TaskerError} bus.unavailable */
  queueOf(system: SystemSummary): Promise<SystemQueue>;
  /** The instances of one system, as the database has them. */
  instancesOf(system: string): Promise<readonly InstanceRow[]>;
  readonly registrar: Registrar;
  readonly worker: Worker;
  readonly bus: BusAddress;
  /** Hosts that `http` steps may call; absent: not known as names. */
  readonly hosts?: readonly string[] | undefined;
  readonly health: Health;
  /** All nodes, as the database has them. */
  nodes(): Promise<readonly NodeFacts[]>;
}
