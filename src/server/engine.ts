/** The engine of one node: wires actors, ownership and dispatch over whatever ports it is given. */

import { Announcer } from "../core/announcer.ts";
import { wait } from "../core/backoff.ts";
import { NodeAdmission } from "../../actors/admission.ts";
import { LimitShares } from "../../actors/limit_shares.ts";
import { Alarm } from "../../actors/alarm.ts";
import { DueTasks } from "../../actors/due_tasks.ts";
import { CommandRouter } from "../../actors/command_router.ts";
import { Ownership } from "../../actors/ownership.ts";
import { EffectivePolicies, type FullPolicy, systemLimitsOf } from "../core/policy.ts";
import { broken, fenced } from "../../actors/answers.ts";
import { LateStarts } from "../../actors/late_starts.ts";
import { StartGate } from "../../actors/start_gate.ts";
import { Supervisor } from "../../actors/supervisor.ts";
import type { Context } from "../core/decision.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { hash32, type Incarnation, slotOf, SLOTS, type TaskId } from "../core/ids.ts";
import { Outages, partsOf } from "../core/outages.ts";
import type {
  Cancel,
  Egress,
  Journal,
  NodeRow,
  Nodes,
  Plans,
  Policies,
  PollResult,
  ResidentTask,
  ResidentTasks,
  Runner,
  SharedStates,
} from "../core/ports.ts";
import type { Plan } from "../core/plan.ts";
import type { Readiness } from "../core/readiness.ts";
import type { RouteReason, SystemDirectory } from "../core/system_directory.ts";
import type { WorkflowCode } from "../core/workflow.ts";
import { type LocalDeps, LocalRunner } from "../dispatch/local.ts";
import type { OpenAttempts } from "../dispatch/lost_commands.ts";
import { openEgress } from "../egress/wire.ts";
import { openRunner, type RemoteAttempts } from "../dispatch/runner.ts";
import { VERSION } from "./version.ts";

/** How often idle actors are sent out of memory, and policies read. */
const SWEEP_MS = 10_000;

/** How often a drain looks whether the running steps have ended. */
const DRAIN_LOOK_MS = 50;

/** How long code that a drain asks to end has to do so; a tenth of a short drain. */
const ABORT_MS_MAX = 1_000;

/** How long leaving the cluster may take. */
const LEAVE_MS_MAX = 5_000;

/** What an engine needs. */
export interface EngineDeps extends Omit<LocalDeps, "record"> {
  readonly journal: Journal;
  readonly nodes: Nodes;
  readonly policies: Policies;
  /** What nodes know of systems together. */
  readonly sharedStates: SharedStates;
  readonly readiness: Readiness;
  readonly plans: Plans;
  /** Makes the requests of `http` steps; absent: they are refused. */
  readonly egress?: Egress;
  codeOf(hash: string): WorkflowCode | undefined;
  isLocalOwner(owner: string): boolean;
  /** Whether a worker of another system has ever come. Absent: steps do not wait for the first. */
  readonly hasWorker?: (system: string) => Promise<boolean>;
  /** The systems that have registered. Absent: none have. */
  readonly directory?: SystemDirectory;
  /** Takes what a poll has learned of systems. */
  readonly sawSystems?: (version: number | undefined) => void;
  /** Takes what a poll has learned of deployments. */
  readonly sawDeployments?: (number: number | undefined) => void;
  /** Makes the runner of remote steps; it reports results to `record`, outages to `outages`. */
  remote(record: CommandRouter["record"], outages: Outages): RemoteAttempts;
  /** Makes the runner of all steps, in place of code, requests and envelopes. Absent: those. */
  readonly runner?: (local: LocalRunner, record: CommandRouter["record"]) => Runner;
  readonly incarnation: Incarnation;
  readonly name: string;
  /** What its envelopes go through: the same for all nodes on a database. */
  readonly bus?: string;
  /** The earlier incarnation of the same place, which is certainly dead. */
  readonly replaces: Incarnation | undefined;
  /** Whether that one was ended because its event loop hung. */
  readonly isAfterHang?: boolean;
  /**
   * Called once when this incarnation is over: make a new engine. `failure` is what broke in this
   * one; undefined = another node took over.
   */
  fenced(failure?: unknown): void;
}

/** A running node. */
export class Engine implements ResidentTasks {
  readonly router: CommandRouter;
  readonly starts: StartGate;
  readonly lateStarts: LateStarts;
  readonly supervisor: Supervisor;
  readonly admission: NodeAdmission;
  readonly #shares: LimitShares;
  readonly ownership: Ownership;
  readonly #dueTasks: DueTasks;
  readonly local: LocalRunner;
  readonly alarm: Alarm;
  /** When the journal or the bus did not answer; attempts are not charged for that time. */
  readonly outages = new Outages();
  /** How often a step did not go to the system that its policy switches it to, by that system. */
  readonly switchFallbacks = new Map<string, number>();
  readonly #policies = new EffectivePolicies();
  readonly #announcer: Announcer;
  readonly #fellBackTo = new Set<string>();
  #sweep: Cancel | undefined;
  #isFenced = false;
  #nodes: readonly NodeRow[] = [];
  /** True until the first sweep: tasks that are read later come from other nodes. */
  #isAfterHang: boolean;

  constructor(readonly deps: EngineDeps) {
    this.#isAfterHang = deps.isAfterHang ?? false;
    const { runtime, nodes } = deps;
    this.starts = new StartGate(runtime);
    this.#announcer = new Announcer(runtime);
    this.router = new CommandRouter({
      runtime,
      nodes,
      deliver: (queued) => this.supervisor.deliver(queued),
      refusalOf: (start) => this.starts.refusalOf(start) ?? this.lateStarts.refusalOf(start),
    });
    const record = this.router.record.bind(this.router);
    this.local = new LocalRunner({ ...deps, record });
    const http = { runtime, egress: deps.egress ?? openEgress(undefined) };
    const runner = deps.runner?.(this.local, record) ?? openRunner({
      ...deps,
      local: this.local,
      remote: deps.remote(record, this.outages),
      http,
    });
    this.admission = new NodeAdmission({
      ...deps,
      canStart: (plan, step) => runner.canStart(plan, step),
      granted: (taskId, step) => this.supervisor.granted(taskId, step),
      fellBack: (system, reason) => this.#fellBack(system, reason),
      reconcileSoon: () => this.#shares.ask(),
    });
    this.lateStarts = new LateStarts({
      ...deps,
      admission: this.admission,
      policyOf: (of, step) => this.policyOf(of, step),
    });
    this.#shares = new LimitShares({
      ...deps,
      states: deps.sharedStates,
      admission: this.admission,
      live: () => this.ownership.live,
    });
    this.alarm = new Alarm({
      ...deps,
      outages: this.outages,
      wake: (taskId) => this.supervisor.wake(taskId),
      fenced: () => this.#fenced(),
    });
    this.supervisor = new Supervisor({
      ...deps,
      runner,
      admission: this.admission,
      alarm: this.alarm,
      contextOf: (of, nowMs) => this.#contextOf(of, nowMs),
      sendsOf: (turn) => this.#announcer.sendsOf(turn),
      reroute: (queued) => this.router.reroute(queued),
      isAfterHang: () => this.#isAfterHang,
      unreadable: (taskId) => this.ownership.cannotRead(taskId),
      fenced: () => this.#fenced(),
      broken: (error) => this.#fenced(error),
    });
    this.#dueTasks = this.#makeDueTasks();
    this.ownership = this.#makeOwnership();
  }

  /** Joins the nodes and claims slots; tasks are read and go on from then. */
  async start(): Promise<void> {
    const { nodes, incarnation, name, replaces, bus } = this.deps;
    await nodes.join({ incarnation, name, replaces, version: VERSION, ...(bus && { bus }) });
    await this.renewPolicies();
    await this.ownership.start();
    this.alarm.watch();
    this.#sleep();
  }

  /** Live nodes on another bus: what they send, no worker of this one gets, and the other way round. */
  get onOtherBuses(): readonly NodeRow[] {
    const live = new Set(this.ownership.live);
    const { bus: own } = this.deps;
    if (own === undefined) return [];
    return this.#nodes.filter(({ incarnation, bus }) =>
      live.has(incarnation) && bus !== undefined && bus !== own
    );
  }

  /** Stops polling and sweeping: for a node that is alone and has all its tasks in memory. */
  async rest(): Promise<void> {
    this.#sweep?.();
    this.alarm.rest();
    await this.#shares.stop();
    await this.ownership.stop();
  }

  /** What other systems were asked by this node and have not answered. */
  get openAttempts(): OpenAttempts {
    return {
      systems: () =>
        this.admission.figures().flatMap(({ name, running }) => running > 0 ? [name] : []),
      resend: (system, startedBeforeMs) => this.supervisor.resend(system, startedBeforeMs),
    };
  }

  /** Reads the policy overlays now; tasks in memory go on under them. */
  async renewPolicies(): Promise<void> {
    const newest = await this.deps.policies.newest();
    this.#announcer.renew(newest);
    if (!this.#policies.renew(newest)) return;
    this.#fellBackTo.clear();
    const limits = systemLimitsOf(newest);
    this.admission.renewSystems(limits);
    this.deps.directory?.eject(limits);
    this.starts.renew(newest);
    this.supervisor.decideAll();
  }

  /**
   * Starts nothing new, waits up to `drainMs` until running steps have ended and are recorded, and
   * leaves the cluster. Shortly before that time is over, code that may be run again is asked to end.
   * It also returns when the database does not answer: others then take over after the lease.
   */
  async drain(drainMs: number): Promise<void> {
    this.router.isDraining = true;
    this.admission.isDraining = true;
    this.ownership.isDraining = true;
    this.#sweep?.();
    const abortMs = Math.min(ABORT_MS_MAX, drainMs / 10);
    await this.#quiet(drainMs - abortMs);
    this.local.interrupt(() => true, "This node stops; another one makes the attempt again");
    await this.#quiet(abortMs);
    this.supervisor.stop(
      new TaskerError("node.draining", "Cannot take commands: this node is stopping"),
    );
    await Promise.race([this.#leave(), wait(this.deps.runtime, LEAVE_MS_MAX)]);
  }

  #makeDueTasks(): DueTasks {
    return new DueTasks({
      ...this.deps,
      owns: (taskId) => this.router.owns(taskId),
      load: (taskIds) => this.supervisor.load(taskIds),
    });
  }

  #makeOwnership(): Ownership {
    return new Ownership({
      ...this.deps,
      own: (slots) => this.router.own(slots),
      load: (taskIds) => this.supervisor.load(taskIds),
      busySlots: () =>
        this.supervisor.busySlots().union(this.local.busySlots({ atMostOnce: false })),
      evict: (slots) => this.#evict(slots),
      cutOff: () => this.local.interrupt(() => true, "This node cannot reach the database"),
      giveAway: (isGone) => this.supervisor.giveAway(isGone),
      polled: (result) => this.#polled(result),
      fenced: () => this.#fenced(),
    });
  }

  /** Waits until no code runs and all of it is recorded; at most for `ms`. */
  async #quiet(ms: number): Promise<void> {
    const { runtime } = this.deps;
    const until = runtime.monotonic() + ms;
    const isWorking = () => this.local.size > 0 || this.supervisor.isBusy;
    while (isWorking() && runtime.monotonic() < until && !this.#isFenced) {
      await wait(runtime, DRAIN_LOOK_MS);
    }
  }

  async #leave(): Promise<void> {
    const { nodes, log } = this.deps;
    this.#dueTasks.stop();
    await this.#shares.stop();
    await this.ownership.stop();
    if (this.#isFenced) return;
    await nodes.leave().catch((error) =>
      log.warn("cannot leave: others take over after the lease", { error: messageOf(error) })
    );
  }

  /** The policy that the attempts of a task's step are under now. */
  policyOf(of: { plan: Plan; taskId: TaskId }, step: number): FullPolicy {
    return this.#policies.contextOf(of, this.deps.runtime.now()).policyOf(step);
  }

  /** Whether this node does what one node does for a workflow: it owns the slot of the name. */
  ownsWorkflow(workflow: string): boolean {
    return this.router.ownsSlot(hash32(workflow) % SLOTS);
  }

  /**
   * What is committed of a task in memory; for an owner only, and one that has renewed in time: a
   * node that was frozen may not know that another one has gone on with the task.
   */
  peek(taskId: TaskId): ResidentTask | undefined {
    const isOwner = this.router.owns(taskId) && this.ownership.isLeaseSafe;
    return isOwner ? this.supervisor.peek(taskId) : undefined;
  }

  tenure(taskId: TaskId): number | undefined {
    return this.router.tenure(taskId);
  }

  /** Logged when it begins, and again only after policies have changed. */
  #fellBack(system: string, reason: RouteReason): void {
    if (!this.#fellBackTo.has(`${system} ${reason}`)) {
      this.#fellBackTo.add(`${system} ${reason}`);
      const said =
        "A step does not go to the system that its policy names, but where it went before";
      this.deps.log.warn(said, { system, reason });
    }
    this.switchFallbacks.set(system, (this.switchFallbacks.get(system) ?? 0) + 1);
  }

  #contextOf(of: { plan: Plan; taskId: TaskId }, nowMs: number): Context {
    const { plan } = of;
    return {
      ...this.#policies.contextOf(of, nowMs),
      postponed: (step, sinceMs, dueAtMs, system) => {
        const definition = plan.steps[step]?.definition;
        if (definition === undefined) return dueAtMs;
        const parts = partsOf(definition, system);
        return this.outages.postponed(parts, { sinceMs, dueAtMs, nowMs });
      },
    };
  }

  /** A slot stays as it is while at-most-once code runs in it. */
  #evict(slots: ReadonlySet<number>): void {
    const before = this.admission.leaving;
    if (slots.size === 0 && before.size === 0) return;
    const leaving = slots.difference(this.local.busySlots({ atMostOnce: true }));
    this.admission.leaving = leaving;
    const staying = new Set(
      [...before.difference(leaving)].filter((slot) => this.router.ownsSlot(slot)),
    );
    if (staying.size > 0) this.supervisor.decideAll((taskId) => staying.has(slotOf(taskId)));
    this.local.interrupt(
      (taskId) => leaving.has(slotOf(taskId)),
      "The task moves to another node, which makes the attempt again",
    );
  }

  #polled(result: PollResult): void {
    this.#nodes = result.nodes;
    this.alarm.clockChanged();
    this.starts.share = 1 / Math.max(1, this.ownership.live.length);
    this.router.takeInbox(result.inbox);
    this.#dueTasks.wake(result.dueSlots);
    this.#shares.polled();
    this.deps.sawSystems?.(result.systemsVersion);
    this.deps.sawDeployments?.(result.deployments);
  }

  #sleep(): void {
    this.#sweep = this.deps.runtime.after(SWEEP_MS, () => {
      this.#isAfterHang = false;
      this.supervisor.passivateIdle();
      this.renewPolicies().catch((error) =>
        this.deps.log.warn("cannot read policies", { error: messageOf(error) })
      );
      this.#sleep();
    });
  }

  /** Ends this incarnation: another one took over, or it cannot work any more. */
  #fenced(failure?: unknown): void {
    if (this.#isFenced) return;
    this.#isFenced = true;
    this.#sweep?.();
    this.supervisor.stop(failure === undefined ? fenced() : broken(failure));
    this.#dueTasks.stop();
    void this.#shares.stop();
    this.local.stopAll(); // the node that took over makes these attempts again
    void this.ownership.stop();
    this.deps.fenced(failure);
  }
}
