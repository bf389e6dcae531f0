/** The router: brings every command to its task's actor, on whichever node that is. */

import type { Answer, Command, StartTask } from "../src/core/command.ts";
import { TaskerError } from "../src/core/errors.ts";
import { mintTaskId, slotOf, SLOTS, type TaskId } from "../src/core/ids.ts";
import type { CommandSink, InboxRow, Nodes, Runtime } from "../src/core/ports.ts";
import { Forwarder } from "./forwarder.ts";
import type { QueuedCommand } from "./mailbox.ts";

/** Reroutes of one command after which its sender is asked to try again. */
const REROUTES_MAX = 5;

/** What the router works with. */
export interface CommandRouterDeps {
  readonly runtime: Runtime;
  readonly nodes: Nodes;
  /** The actors of this node. */
  deliver(queued: QueuedCommand): void;
  /** Why a task may not start now; absent: each may. */
  refusalOf?(start: StartTask): TaskerError | undefined;
}

/** Knows which slots this node owns, and sends what belongs elsewhere through the inbox. */
export class CommandRouter implements CommandSink {
  /** Each with the number of the tenure that it was taken in. */
  #owned: ReadonlyMap<number, number> = new Map();
  #tenures = 0;
  /** The same as a list, to draw the slots of new tasks from. */
  #ownedList: number[] = [];
  /** Inbox rows that are being decided: the next poll finds them again. */
  readonly #inHand = new Set<string>();
  readonly #forwarder: Forwarder;
  isDraining = false;

  constructor(readonly deps: CommandRouterDeps) {
    this.#forwarder = new Forwarder(deps);
  }

  /** Sets the slots of this node. */
  own(slots: Iterable<number>): void {
    const before = this.#owned;
    const tenure = ++this.#tenures;
    this.#owned = new Map([...slots].map((slot) => [slot, before.get(slot) ?? tenure]));
    this.#ownedList = [...this.#owned.keys()];
  }

  owns(taskId: TaskId): boolean {
    return this.ownsSlot(slotOf(taskId));
  }

  /** Changes whenever the task's slot was away; undefined while it is. */
  tenure(taskId: TaskId): number | undefined {
    return this.#owned.get(slotOf(taskId));
  }

  ownsSlot(slot: number): boolean {
    return this.#owned.has(slot);
  }

  mintTaskId(): TaskId {
    const { runtime } = this.deps;
    const from = this.#ownedList.length === 0 ? SLOTS : this.#ownedList.length;
    const drawn = Math.floor(runtime.random() * from);
    return mintTaskId(runtime.now(), this.#ownedList[drawn] ?? drawn, runtime.uuid());
  }

  send(command: Command): Promise<Answer> {
    if (this.isDraining && command.kind === "StartTask") {
      return Promise.reject(
        new TaskerError(
          "node.draining",
          `Cannot start task "${command.taskId}": this node is stopping`,
          {
            retryAfterMs: 1_000,
          },
        ),
      );
    }
    const refusal = command.kind === "StartTask" ? this.deps.refusalOf?.(command) : undefined;
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((answer, refuse) => this.route({ command, answer, refuse, failedTries: 0 }));
  }

  /** Takes a command for which nobody waits: a result, or a sign of life. */
  record(command: Command): void {
    this.route({ command, failedTries: 0 });
  }

  /** Delivers a command to the actor here, or posts it to the node that owns its task. */
  route(queued: QueuedCommand): void {
    if (this.owns(queued.command.taskId)) return this.deps.deliver(queued);
    if (queued.inbox !== undefined) {
      // Its row stays in the inbox, where the owner finds it.
      this.#inHand.delete(queued.inbox.commandId);
      return;
    }
    void this.#forwarder.forward(queued);
  }

  /** Takes back a command whose task turned out to be owned by another node. */
  reroute(queued: QueuedCommand): void {
    if (queued.failedTries < REROUTES_MAX) return this.route(queued);
    const { taskId } = queued.command;
    queued.refuse?.(
      new TaskerError(
        "journal.ownership_lost",
        `Cannot reach task "${taskId}": it is moving to another node`,
      ),
    );
  }

  /** Delivers what a poll found in the inbox. */
  takeInbox(rows: readonly InboxRow[]): void {
    for (const { commandId, command, wantsAnswer } of rows) {
      if (this.#inHand.has(commandId) || !this.owns(command.taskId)) continue;
      this.#inHand.add(commandId);
      const done = () => this.#inHand.delete(commandId);
      const inbox = { commandId, wantsAnswer };
      this.deps.deliver({ command, inbox, answer: done, refuse: done, failedTries: 0 });
    }
  }
}
