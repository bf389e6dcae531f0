/** Admission: which steps may start now; by priority, then first come, first served at each limit. */

import type { AttemptEnd } from "../src/core/attempt.ts";
import { type Circuit, creditAnswer } from "../src/core/breaker.ts";
import { alternativeFor, type Asked, askedOf } from "../src/core/alternative.ts";
import { calledBy } from "../src/core/http_call.ts";
import { slotOf, type TaskId } from "../src/core/ids.ts";
import type { Plan, PlannedStep } from "../src/core/plan.ts";
import type { Runner, Runtime } from "../src/core/ports.ts";
import type { Saturation } from "../src/core/saturation.ts";
import type { WaitReason } from "../src/core/rollup.ts";
import {
  chooseSystem,
  routeKey,
  type RouteReason,
  SystemDirectory,
} from "../src/core/system_directory.ts";
import type { Admission, AdmissionRequest, StartedStep, StepOfTask } from "../src/core/turn.ts";
import { dividedPart, type SystemLimit } from "../src/core/shared_limit.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import {
  Claims,
  drainMs,
  isLimited,
  isMisled,
  isTooLate,
  learnDuration,
  limitsInOrder,
  mustBeginAgain,
  newClaim,
} from "./claims.ts";
import { type Claim, type Limit, Places, Route, StepPlaces } from "./limits.ts";
import { Quota, SystemAdmission } from "./system_admission.ts";

/** Local attempts that run at once on a node. */
const RUNNING_MAX = 1024;

/** Grants of one limit per iteration of the event loop: thousands may wait for a circuit to close. */
const GRANTS_PER_ITERATION = 256;

/** What an admission works with. */
export interface AdmissionDeps {
  readonly runtime: Runtime;
  /** Whether this node can start a step at all; if not, it waits as `code_not_loaded`. */
  canStart: Runner["canStart"];
  /** Called for a step that waited, once it has all its limits. */
  granted(taskId: TaskId, step: number): void;
  /** Whether a worker of a system has ever come; absent: steps do not wait for the first one. */
  hasWorker?(system: string): Promise<boolean>;
  /** Called when limits are to be reconciled with the other nodes. */
  reconcileSoon(): void;
  /** The systems that have registered; absent: none. */
  readonly directory?: SystemDirectory;
  /** Called when a step does not go to the system that its policy switches it to, and why. */
  fellBack?(from: string, reason: RouteReason): void;
}

/**
 * The admission of one node.
 *
 * A step is granted its limits in a fixed order: a system that can run it and a worker of that system
 * (remote), the end of a hold of that system, its retry budget, a place for its own attempts; then the
 * quotas of its capability and its system, and the circuit (remote), or those of the host that it calls
 * (http); then a place on the node (local, http). What has no system has a retry budget of its own. At the first limit that has nothing free it waits in
 * line, and keeps what it was granted before. All steps ask in this order, so no two steps wait for each other.
 *
 * Cost: O(1) to ask, to release and to grant; a step that waits costs memory only.
 */
export class NodeAdmission implements Admission {
  readonly #claims = new Claims();
  readonly #steps = new Map<string, StepPlaces>();
  readonly #systems = new Map<string, SystemAdmission>();
  readonly #routes = new Map<string, Route>();
  readonly #directory: SystemDirectory;
  readonly #node = new Places("node_full", () => RUNNING_MAX);
  #systemLimits: ReadonlyMap<string, SystemLimit> = new Map();
  /** No attempt starts while the node drains. */
  isDraining = false;
  /** Slots that move as soon as no code runs in them: no attempt starts there. */
  leaving: ReadonlySet<number> = new Set();

  constructor(readonly deps: AdmissionDeps) {
    this.#directory = deps.directory ?? new SystemDirectory();
    this.#directory.subscribe(() => this.#reroute());
  }

  /** Asks which systems have workers, so that no step has to wait for the answer. */
  async learn(systems: readonly string[]): Promise<void> {
    await Promise.all(systems.map((name) => this.#systemOf(name).workers.look()));
  }

  admit(request: AdmissionRequest): WaitReason | undefined {
    const { taskId, plan, step } = request;
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined || !isLimited(plan, step)) return refusal;
    const nowMs = this.deps.runtime.monotonic();
    const known = this.#stillValid(this.#claims.get(taskId, step), request.switchTo, nowMs);
    const claim = known ?? this.#claim(request, request, nowMs);
    const isLate = isTooLate(claim, request.leftMs ?? Infinity, nowMs);
    if (isLate && known !== undefined) this.#drop(known, nowMs); // one just made is in no line
    if (isLate) return this.#giveUp(claim);
    if (known === undefined) this.#pass(claim, nowMs);
    else this.#renew(known, request.concurrencyMax);
    const limit = claim.limits[claim.granted];
    if (limit === undefined) this.#start(claim, nowMs);
    return limit?.reason;
  }

  waitsFor(of: StepOfTask): WaitReason | undefined {
    const claim = this.#claims.get(of.taskId, of.step);
    if (claim?.isTooLate) return "deadline_too_near";
    return this.#refusalOf(of) ?? claim?.limits[claim.granted]?.reason;
  }

  chosenFor({ taskId, step }: StepOfTask): string | undefined {
    const claim = this.#claims.get(taskId, step);
    return claim?.isChosen === true ? claim.system : undefined;
  }

  /** Why a step may not start here, whatever its limits. */
  #refusalOf({ taskId, plan, step }: StepOfTask): WaitReason | undefined {
    if (!this.deps.canStart(plan, step)) return "code_not_loaded";
    const isLeaving = this.leaving.size > 0 && this.leaving.has(slotOf(taskId));
    return this.isDraining || isLeaving ? "node_draining" : undefined;
  }

  hold({ taskId, plan, step, system, elsewhere }: StartedStep): void {
    if (!isLimited(plan, step) || this.#claims.get(taskId, step)) return;
    const nowMs = this.deps.runtime.monotonic();
    const request = { ...HELD, lastSystem: system, elsewhere };
    const claim = this.#claim({ taskId, plan, step }, request, nowMs);
    const { kind, owner } = (plan.steps[step] as PlannedStep).definition;
    if (kind === "remote") this.#choose(claim, system ?? owner);
    for (const limit of claim.limits) {
      if (limit instanceof Places || limit instanceof Quota) limit.hold();
      else if (limit instanceof CircuitBreaker) limit.hold(claim);
    }
    claim.granted = claim.limits.length;
    claim.isStarted = true;
  }

  release(taskId: TaskId, step: number, end?: AttemptEnd): void {
    const claim = this.#claims.get(taskId, step);
    if (claim === undefined) return;
    const system = claim.system === undefined ? undefined : this.#systems.get(claim.system);
    const isNews = claim.isStarted && end !== undefined;
    const nowMs = this.deps.runtime.monotonic();
    if (isNews) {
      system?.ended(claim, end, nowMs);
      if (end === "answered") learnDuration(claim, nowMs, system?.circuit.adaptive);
      if (end === "answered" && system === undefined) creditAnswer(claim.places.retries.budget);
    }
    this.#drop(claim, nowMs);
    if (isNews) this.#serve((system ?? claim.places).retries, nowMs);
  }

  forget(taskId: TaskId): void {
    const nowMs = this.deps.runtime.monotonic();
    for (const claim of this.#claims.of(taskId)) this.#drop(claim, nowMs);
  }

  /** The systems whose limits are known here. */
  get systems(): Iterable<SystemAdmission> {
    return this.#systems.values();
  }

  /** What runs at each system, and waits for it. */
  figures() {
    return [...this.#systems.values()].map((one) => ({ name: one.name, ...one.figures() }));
  }

  /** How busy a system is; undefined: no step of this node has asked for it. */
  saturationOf(system: string): Saturation | undefined {
    return this.#systems.get(system)?.figures().saturation;
  }

  /** How long it takes to serve who waits for a step before a priority, at the slowest limit. Cost: O(1). */
  drainOf({ plan, step, priority }: { plan: Plan; step: number; priority: number }) {
    const nowMs = this.deps.runtime.monotonic();
    const { name, definition: { kind, owner, http, event } } = plan.steps[step] as PlannedStep;
    const places = this.#steps.get(`${plan.workflow}/${name}`);
    const system = this.#systems.get((kind === "remote" ? owner : calledBy(http)) ?? "");
    const own = [...(places ? [places] : []), ...(kind === "remote" ? [] : [this.#node])];
    const ms = drainMs(own, priority, nowMs);
    const systemMs = system === undefined ? 0 : drainMs(system.linesOf(event), priority, nowMs);
    return systemMs > ms
      ? { ms: systemMs, of: `system "${system?.name}"` }
      : { ms, of: `step "${name}"` };
  }

  /** Takes what operators have set, by system or `system/capability`. */
  renewSystems(limits: ReadonlyMap<string, SystemLimit>): void {
    this.#systemLimits = limits;
    const quotas = [...this.#quotas()];
    const renewed = quotas.filter((of) => of.follow(dividedPart(limits.get(of.key))));
    // Only now: what a hold lets through has to pass what is set instead of it.
    for (const system of this.#systems.values()) {
      system.renew(limits.get(system.name));
      this.#serve(system.hold);
    }
    for (const quota of renewed) this.#serve(quota);
  }

  /** What is set for a system, the whole of it. */
  limitOf(system: string): SystemLimit | undefined {
    return this.#systemLimits.get(system);
  }

  /** Divides the retry budgets of systems, and of steps without one, among the nodes. */
  shareRetries(nodes: number): void {
    for (const { retries } of this.#systems.values()) retries.budget.share = 1 / nodes;
    for (const { retries } of this.#steps.values()) retries.budget.share = 1 / nodes;
  }

  /** Grants limits that have got something free. */
  serve(limits: readonly Limit[]): void {
    for (const limit of limits) this.#serve(limit);
  }

  *#quotas() {
    for (const system of this.#systems.values()) yield* system.quotas.values();
  }

  /** Returns the circuit of a system. */
  circuit(owner: string): Circuit {
    return this.#systems.get(owner)?.circuitAt(this.deps.runtime.monotonic()) ?? "closed";
  }

  /** In how many milliseconds an open circuit lets an attempt try; undefined: it is not open. */
  circuitTriesInMs(owner: string): number | undefined {
    return this.#systems.get(owner)?.circuitTriesInMs(this.deps.runtime.monotonic());
  }

  #claim(
    { taskId, plan, step }: { taskId: TaskId; plan: Plan; step: number },
    of: Omit<AdmissionRequest, keyof StepOfTask>,
    nowMs: number,
  ): Claim {
    const { isRetry, elsewhere, switchTo } = of;
    const { name, definition } = plan.steps[step] as PlannedStep;
    const places = this.#placesOf(`${plan.workflow}/${name}`, nowMs);
    const { kind, http, owner } = definition;
    const sent = elsewhere ?? alternativeFor(this.#directory, plan, definition, switchTo);
    const asked = askedOf(definition, sent);
    const { event: capability } = asked;
    const called = calledBy(http);
    const host = called === undefined ? undefined : this.#systemOf(called);
    // A place on the node is the last: nobody holds one while a circuit is open.
    const limits = kind === "remote"
      ? [this.#routeOf(plan, asked, sent === undefined ? switchTo : undefined)]
      : [...limitsInOrder(host, { places, isRetry, capability }), this.#node];
    const parts = { taskId, step, owner, system: host?.name, places, capability, limits };
    const claim = newClaim(parts, of, nowMs);
    this.#claims.put(claim);
    return claim;
  }

  /** All that it needs is granted. */
  #start(claim: Claim, nowMs: number): void {
    claim.isStarted = true;
    claim.startedAtMs = nowMs;
    if (claim.system !== undefined) this.#systems.get(claim.system)?.started(claim, nowMs);
  }

  /** Keeps a claim that could not finish before its deadline; it holds nothing and is in no line. */
  #giveUp(claim: Claim): WaitReason {
    this.#claims.put(claim);
    claim.limits = [];
    claim.granted = 0;
    claim.isTooLate = true;
    return "deadline_too_near";
  }

  /** A claim begins again whose system cannot get the step any more, or whose policy switches it. */
  #stillValid(claim: Claim | undefined, switchTo: string | undefined, nowMs: number) {
    if (claim === undefined || !mustBeginAgain(claim, switchTo)) return claim;
    this.#drop(claim, nowMs);
    return undefined;
  }

  /** Takes a system for a claim: its limits follow that of the route. */
  #choose(claim: Claim, name: string): void {
    const system = this.#systemOf(name);
    claim.system = name;
    claim.isChosen = name !== claim.owner;
    claim.limits = [claim.limits[0] as Limit, system.workers, ...limitsInOrder(system, claim)];
  }

  /**
   * Something has changed in the directory: what waits for a system may find one, and what waits for
   * something of a system that cannot get it any more begins again. Cost: O(claims) a change.
   */
  #reroute(): void {
    const misled = [...this.#claims].filter(isMisled);
    for (const { taskId, step } of misled) this.deps.granted(taskId, step);
    for (const route of this.#routes.values()) this.#serve(route);
  }

  /** Takes note of `concurrencyMax`: a new policy may have changed it. */
  #renew(claim: Claim, concurrencyMax = Infinity): void {
    if (claim.concurrencyMax === concurrencyMax) return;
    claim.concurrencyMax = concurrencyMax;
    const limit = claim.limits[claim.granted];
    if (limit !== undefined) this.#serve(limit);
  }

  /** Takes further limits for a claim that stands in no line; returns whether it has all of them. */
  #pass(claim: Claim, nowMs: number): boolean {
    for (; claim.granted < claim.limits.length; claim.granted++) {
      const limit = claim.limits[claim.granted] as Limit;
      if (limit.line.length === 0 && limit.take(claim, nowMs)) continue;
      limit.line.join(claim, nowMs);
      this.#arm(limit, nowMs);
      return false;
    }
    return true;
  }

  /** Grants a limit to the first in its line, as long as it has something free. */
  #serve(limit: Limit, nowMs = this.deps.runtime.monotonic()): void {
    if (limit.line.length === 0 || this.isDraining) return;
    for (let grants = 0; grants < GRANTS_PER_ITERATION; grants++) {
      const claim = limit.line.next(nowMs);
      if (claim === undefined || !limit.take(claim, nowMs)) return this.#arm(limit, nowMs);
      limit.line.leave(claim, { nowMs, isServed: true });
      claim.granted++;
      if (this.#pass(claim, nowMs)) this.deps.granted(claim.taskId, claim.step);
    }
    this.#arm(limit, nowMs, 0);
  }

  #arm(limit: Limit, nowMs: number, ms = limit.opensInMs(nowMs)): void {
    if (ms === undefined || limit.timer !== undefined || limit.line.length === 0) return;
    limit.timer = this.deps.runtime.after(ms, () => {
      limit.timer = undefined;
      this.#serve(limit);
    });
  }

  /** Takes a claim out of its line, and gives what it was granted to the next claims. */
  #drop(claim: Claim, nowMs: number): void {
    this.#claims.delete(claim);
    const { limits, granted } = claim;
    limits[granted]?.line.leave(claim, { nowMs, isServed: false });
    const held = limits.slice(0, granted + 1);
    held.forEach((limit, at) => at < granted && limit.giveBack(claim));
    for (const limit of held) this.#serve(limit, nowMs);
  }

  #systemOf(owner: string): SystemAdmission {
    let system = this.#systems.get(owner);
    if (system === undefined) {
      const { runtime, hasWorker } = this.deps;
      system = new SystemAdmission(owner, {
        runtime,
        hasWorker: hasWorker && (() => hasWorker(owner)),
        opened: (gate) => this.#serve(gate),
        limitOf: (key) => this.#systemLimits.get(key),
        reconcileSoon: this.deps.reconcileSoon,
      });
      this.#systems.set(owner, system);
    }
    return system;
  }

  #routeOf(
    { definition: { namespace } }: Plan,
    { owner, capability }: Asked,
    switchTo: string | undefined,
  ): Route {
    const request = { namespace, owner, capability, switchTo };
    const key = routeKey(request);
    let route = this.#routes.get(key);
    if (route === undefined) {
      route = new Route({
        candidates: () => this.#directory.candidates(request),
        choose: (claim, candidates) => {
          const isFailing = (name: string) => this.circuit(name) === "open";
          const of = { seed: `${claim.taskId}/${claim.step}`, last: claim.lastSystem, isFailing };
          this.#choose(claim, chooseSystem(candidates, of));
          const whyNot = switchTo && this.#directory.whyNotSwitched(request);
          if (whyNot) this.deps.fellBack?.(switchTo, whyNot);
        },
      });
      this.#routes.set(key, route);
    }
    return route;
  }

  #placesOf(step: string, nowMs: number): StepPlaces {
    let places = this.#steps.get(step);
    if (places === undefined) this.#steps.set(step, places = new StepPlaces(nowMs));
    return places;
  }
}

/** What is known of an attempt that an earlier owner of its task has started. */
const HELD = { isRetry: false, concurrencyMax: undefined } as const;
