/** The forwarder: sends commands to tasks of other nodes through the inbox, and takes the answers. */

import { exponentialMs, wait } from "../src/core/backoff.ts";
import { Batcher } from "../src/core/batcher.ts";
import { type Answer, sizeOfCommand } from "../src/core/command.ts";
import { TaskerError } from "../src/core/errors.ts";
import { slotOf } from "../src/core/ids.ts";
import type { InboxRow, Nodes, Runtime } from "../src/core/ports.ts";
import { readAnswer } from "./answers.ts";
import type { QueuedCommand } from "./mailbox.ts";

/** How long a sender waits for the answer of another node. */
const ANSWER_MS_MAX = 30_000;

/** How often answers are looked for: often after a command was sent, then less and less. */
const LOOK = { minMs: 5, maxMs: 500 };

/** Commands that one look asks for. */
const LOOK_MAX = 1_000;

/** Characters of the commands that one statement posts, beyond the first. */
const POST_SIZE_MAX = 1024 * 1024;

/** What forwarding works with. */
export interface ForwarderDeps {
  readonly runtime: Runtime;
  readonly nodes: Pick<Nodes, "post" | "takeAnswers">;
}

/** A command that another node owes an answer. */
interface Awaited {
  readonly answer: (answer: Answer) => void;
  readonly refuse: ((error: unknown) => void) | undefined;
  readonly untilMs: number;
}

interface Post {
  readonly row: InboxRow;
  readonly refuse: ((error: unknown) => void) | undefined;
}

/**
 * Forwards commands: those that come while a statement is under way go together in the next one, and
 * one statement looks for all answers that are awaited.
 *
 * Cost: with n commands at once, a few statements, not n; nothing while none is awaited.
 */
export class Forwarder {
  readonly #posts: Batcher<Post>;
  readonly #awaited = new Map<string, Awaited>();
  /** Looks since a command was sent last. */
  #looks = 0;
  #isLooking = false;

  constructor(readonly deps: ForwarderDeps) {
    this.#posts = new Batcher({
      runtime: deps.runtime,
      send: (posts) => this.#post(posts),
      sizeOf: ({ row }) => sizeOfCommand(row.command),
      sizeMax: POST_SIZE_MAX,
    });
  }

  /** Posts a command to the node that owns its task; its sender gets the answer of that node. */
  async forward({ command, answer, refuse }: QueuedCommand): Promise<void> {
    const { runtime } = this.deps;
    const wantsAnswer = answer !== undefined;
    // Not the id of the command: two senders of one command wait for an answer each, and neither must
    // take the other's. The actor recognises a command that it has decided before.
    const commandId = runtime.uuid();
    const row = { commandId, slot: slotOf(command.taskId), command, wantsAnswer };
    const untilMs = runtime.monotonic() + ANSWER_MS_MAX;
    if (wantsAnswer) this.#awaited.set(commandId, { answer, refuse, untilMs });
    try {
      await this.#posts.put({ row, refuse });
    } catch (error) {
      this.#awaited.delete(commandId);
      refuse?.(error);
    }
    if (!wantsAnswer) return;
    this.#looks = 0;
    if (!this.#isLooking) void this.#look();
  }

  /** Should Postgres refuse the data of one command, the others still go. */
  async #post(posts: readonly Post[]): Promise<void> {
    const { nodes } = this.deps;
    try {
      await nodes.post(posts.map(({ row }) => row));
    } catch (error) {
      const isPoison = error instanceof TaskerError && error.code === "journal.poison";
      if (!isPoison || posts.length === 1) throw error;
      await Promise.all(posts.map(({ row, refuse }) =>
        nodes.post([row]).catch((error) => {
          this.#awaited.delete(row.commandId);
          refuse?.(error);
        })
      ));
    }
  }

  async #look(): Promise<void> {
    const { runtime, nodes } = this.deps;
    this.#isLooking = true;
    while (this.#awaited.size > 0) {
      await wait(runtime, exponentialMs(++this.#looks, LOOK));
      const ids = [...this.#awaited.keys()].slice(0, LOOK_MAX);
      try {
        for (const [id, body] of await nodes.takeAnswers(ids)) this.#take(id, body);
      } catch { /* the database is away: the answers stay in it */ }
      // Those that have no answer make room for the others, and are asked for after them.
      for (const id of ids) this.#putLast(id);
    }
    this.#isLooking = false;
  }

  #take(id: string, body: string): void {
    const awaited = this.#awaited.get(id);
    this.#awaited.delete(id);
    try {
      awaited?.answer(readAnswer(body));
    } catch (error) {
      awaited?.refuse?.(error);
    }
  }

  #putLast(id: string): void {
    const awaited = this.#awaited.get(id);
    if (awaited === undefined) return;
    this.#awaited.delete(id);
    if (this.deps.runtime.monotonic() < awaited.untilMs) return void this.#awaited.set(id, awaited);
    awaited.refuse?.(
      new TaskerError(
        "journal.outcome_unknown",
        `Cannot find out whether command "${id}" was decided: the node that owns its task did not answer in ${ANSWER_MS_MAX} ms`,
        { retryAfterMs: 1_000 },
      ),
    );
  }
}
