/**
 * Real servers over one Postgres, of which the one that runs an incident is killed (-9) at random moments.
 *
 * `TEST_KILLS=24 deno test -A tests/heal/incident_kills_test.ts` kills more often: incidents follow each
 * other until there were so many.
 */

import { deepEqual } from "node:assert/strict";
import postgres from "postgres";
import { openClient } from "../../src/client.ts";
import { slotOf, type TaskId } from "../../src/core/ids.ts";
import { Draw } from "../../src/simulation/draw.ts";
import { CHARGED, CHARGES, Charges, registerCharges } from "../support/charges.ts";
import { makeDataDir } from "../support/data_dir.ts";
import { makeDatabase } from "../support/postgres.ts";
import { serve, type Served, until } from "../support/serve.ts";

/** Kills of the whole run, and of one pass, in which each workflow has an incident. */
const KILLS = Number(Deno.env.get("TEST_KILLS") ?? 3);
const PASS_KILLS_MAX = 12;

/** How long all is well at first. */
const WELL_MS = 30_000;

/** Between a start and the next kill, ms; and after a kill, so that the other server takes over. */
const KILL_MS = { min: 2_000, max: 15_000 };
const TAKEOVER_MS = 11_000;

/** What is waited for at most: an incident, and its end once no server is killed any more. */
const STARTS_MS_MAX = 120_000;
const ENDS_MS_MAX = 300_000;

const pause = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));

/** Two servers, of which one may be dead. */
class Pair implements AsyncDisposable {
  readonly #running: (Served | undefined)[] = [undefined, undefined];
  readonly #of: Parameters<typeof serve>[0];

  constructor(of: Parameters<typeof serve>[0]) {
    this.#of = of;
  }

  get running(): readonly Served[] {
    return this.#running.flatMap((one) => one ?? []);
  }

  get client() {
    const [any] = this.running;
    if (any === undefined) throw new Error("no server runs");
    return openClient(any);
  }

  async start(at: number): Promise<void> {
    this.#running[at] = await serve(this.#of);
  }

  async kill(at: number): Promise<void> {
    const served = this.#running[at];
    this.#running[at] = undefined;
    served?.kill("SIGKILL");
    await served?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const served of this.running) await served[Symbol.asyncDispose]();
  }
}

/** What happens to policies and incidents, as soon as it is committed. */
class Heard implements AsyncDisposable {
  readonly #sql: postgres.Sql;
  #next = Promise.withResolvers<string>();

  constructor(url: string) {
    this.#sql = postgres(url, { max: 2, onnotice: () => {} });
  }

  async open(): Promise<void> {
    await this.#sql.unsafe(`
      create function report_put() returns trigger language plpgsql as
        $$ begin perform pg_notify('put', new.reason); return null; end $$;
      create trigger report_put after insert on tasker.policy
        for each row execute function report_put();
    `);
    await this.#sql.listen("put", (reason) => {
      this.#next.resolve(reason);
      this.#next = Promise.withResolvers();
    });
  }

  /** The reason of the next version of a policy. */
  get put(): Promise<string> {
    return this.#next.promise;
  }

  /** Which server runs a task: they take their places in order. */
  async ownerOf(taskId: string): Promise<number | undefined> {
    const rows = await this.#sql<{ name: string }[]>`
      select n.name
      from tasker.slot s
      join tasker.node n on n.incarnation = s.owner
      where s.slot = ${slotOf(taskId as TaskId)}
    `;
    return rows[0] && Number(rows[0].name.replace("node-", "")) - 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sql.end();
  }
}

/** The first incident of each workflow, as far as there is one. */
async function firstOf({ client }: Pair) {
  const { incidents } = await client.call("listIncidents", { limit: 100 });
  return CHARGED.flatMap((name) =>
    incidents.findLast(({ workflow }) => workflow === `charges/${name}`) ?? []
  );
}

async function doing({ client }: Pair, id: string): Promise<string> {
  const { steps, state } = await client.get(id);
  const step = steps.find((one) => !["completed", "pending", "unreached"].includes(one.state));
  return step?.name ?? state;
}

/** What became of an incident: its end, and what it did to the policy of its workflow. */
async function endOf({ client }: Pair, id: string, workflow: string) {
  const { conclusion, phase, proposals, chosen } = await client.call("getIncident", {
    incident: id,
  });
  const [namespace = "", name = ""] = workflow.split("/");
  const { versions } = await client.call("getPolicy", { namespace, name });
  const own = versions.toReversed().flatMap(({ reason, steps, canary }) => {
    const [, of, deed = ""] = /^Incident (\S+) ([a-z ]+):/.exec(reason) ?? [];
    return of === id ? [{ deed, steps, percent: canary?.percent }] : [];
  });
  const shares = own.flatMap(({ percent }) => percent ?? []);
  return {
    phase,
    proposal: proposals.find((one) => one.id === chosen)?.action.kind,
    outcome: conclusion?.outcome,
    deeds: own.filter(({ deed }) => deed !== "widens").map(({ deed, steps }) => [deed, steps]),
    // How many shares try it depends on how soon it is clear; each does so once.
    isEachShareOnce: new Set(shares).size === shares.length,
    isTriedStill: versions[0]?.canary?.salt === id,
  };
}

/** The ends of incidents of which no server was ever killed. */
const ENDS = {
  "charges/kept": end("kept", {
    tries: { charge: { system: "spare_kept" } },
    keeps: { charge: { system: "spare_kept" } },
  }),
  "charges/reverted": end("reverted", {
    tries: { charge: { system: "spare_reverted" } },
    "takes back": {},
  }),
};

function end(outcome: string, deeds: Readonly<Record<string, object>>) {
  const isOnce = { isEachShareOnce: true, isTriedStill: false };
  return {
    phase: "ended",
    proposal: "switch_system",
    outcome,
    deeds: Object.entries(deeds),
    ...isOnce,
  };
}

/** Lets each workflow have an incident, and kills who runs one of them up to so many times. */
async function pass(draw: Draw, killsMax: number): Promise<readonly string[]> {
  const dataDir = makeDataDir("incident-kills");
  const { url } = await makeDatabase();
  const env = {
    DATABASE_URL: url,
    TASKER_WORKFLOWS: CHARGES,
    TASKER_HEAL_WINDOW: "10s",
    TASKER_LOG: "warn",
  };
  try {
    await using pair = new Pair({ dataDir, env });
    for (const at of [0, 1]) await pair.start(at);
    await registerCharges(pair.client);
    await using heard = new Heard(url);
    await heard.open();
    await using charges = new Charges(() => pair.running, draw.whole(0, 1e6));
    await pause(WELL_MS);
    charges.refuse();
    const kills = await killOwners(pair, heard, { draw, killsMax });
    const ended = await until("the ends of the incidents", ENDS_MS_MAX, async () => {
      const first = await firstOf(pair);
      return first.filter(isOver).length === CHARGED.length ? first : undefined;
    });
    const ends = await Promise.all(
      ended.map(async ({ id, workflow }) => [workflow, await endOf(pair, id, workflow)]),
    );
    deepEqual(Object.fromEntries(ends), ENDS);
    return kills;
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Returns what the incidents were at whose server was killed. */
async function killOwners(
  pair: Pair,
  heard: Heard,
  { draw, killsMax }: { readonly draw: Draw; readonly killsMax: number },
): Promise<readonly string[]> {
  const kills: string[] = [];
  await until("an incident", STARTS_MS_MAX, async () => (await firstOf(pair))[0]);
  while (kills.length < killsMax) {
    const open = (await firstOf(pair)).filter((one) => !isOver(one)).map(({ id }) => id);
    if (open.length === 0) break;
    // Between what a step does and the record of it: the moment that is hardest to get right.
    const put = await Promise.race([
      draw.chance(0.5) ? heard.put : new Promise<never>(() => {}),
      pause(kills.length === 0 ? 0 : draw.between(KILL_MS.min, KILL_MS.max)),
    ]);
    const drawn = open[draw.whole(0, open.length - 1)];
    const [, id = drawn, deed] = /^Incident (\S+) ([a-z ]+):/.exec(put ?? "") ?? [];
    const owner = id === undefined ? undefined : await heard.ownerOf(id);
    if (id === undefined || owner === undefined) continue;
    const at = deed === undefined ? await doing(pair, id).catch(() => "unknown") : `put: ${deed}`;
    await pair.kill(owner);
    kills.push(at);
    console.log(`kill ${kills.length}: node-${owner + 1}, incident ${id} at ${at}`);
    if (draw.chance(0.5)) await pause(TAKEOVER_MS);
    await pair.start(owner);
  }
  return kills;
}

function isOver({ phase }: { readonly phase: string }): boolean {
  return phase === "ended" || phase === "failed";
}

Deno.test("incidents end as if no server had been killed, and change nothing twice", async () => {
  const seed = Number(Deno.env.get("TEST_SEED") ?? 1);
  const draw = new Draw(`incident kills ${seed}`);
  let count = 0;
  do {
    const kills = await pass(draw, Math.min(PASS_KILLS_MAX, KILLS - count));
    count += kills.length;
    console.log(`${count} of ${KILLS} kills, seed ${seed}`);
  } while (count < KILLS);
});
