import { deepEqual, equal, rejects } from "node:assert/strict";
import { FairQueue } from "./fair_queue.ts";

const BOUNDS = {
  ...{ name: "do it", placesMax: 1, countPerOwnerMax: 3 },
  ...{ bytesPerOwnerMax: 100, bytesMax: 150 },
};

/** A queue whose work ends when it is asked to, one piece after the other. */
function scene() {
  const queue = new FairQueue(BOUNDS);
  const begun: string[] = [];
  let end = () => {};
  const ask = (name: string, bytes = 1, signal?: AbortSignal) =>
    queue.run({ owner: name.slice(0, 1), bytes, signal }, async () => {
      begun.push(name);
      await new Promise<void>((resolve) => end = resolve);
    });
  /** Ends what runs, and lets the next begin. */
  const endOne = async () => {
    await new Promise((wake) => setTimeout(wake));
    end();
    await new Promise((wake) => setTimeout(wake));
  };
  return { ask, begun, endOne };
}

Deno.test("work is done in turns between owners, one piece at a time", async () => {
  const { ask, begun, endOne } = scene();
  const all = ["a1", "a2", "a3", "b1", "a4", "c1", "b2"].map((name) => ask(name));

  for (let ended = 0; ended < all.length; ended++) await endOne();
  await Promise.all(all);

  deepEqual(begun, ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]);
});

Deno.test("an owner with too much waiting is refused, and others are not", async () => {
  const { ask, begun, endOne } = scene();
  const taken = [ask("a1"), ask("a2"), ask("a3"), ask("a4")];

  await rejects(ask("a5"), { code: "api.busy", retryAfterMs: 5_000 });
  taken.push(ask("b1", 120)); // more than an owner may have, and its first
  await rejects(ask("b2", 1), { code: "api.busy" });
  await rejects(ask("c1", 30), { code: "api.busy" });

  for (const _ of taken) await endOne();
  await Promise.all(taken);
  deepEqual(begun, ["a1", "a2", "b1", "a3", "a4"]);
});

Deno.test("who goes while it waits is left out, and its room is free again", async () => {
  const { ask, begun, endOne } = scene();
  const gone = new AbortController();
  const first = ask("a1");
  const waits = ask("a2", 150, gone.signal);

  gone.abort();
  await rejects(waits, { code: "api.busy" });
  const next = ask("b1", 150);
  await endOne();
  await endOne();

  await Promise.all([first, next]);
  deepEqual(begun, ["a1", "b1"]);
});

Deno.test("work that fails lets the next begin", async () => {
  const queue = new FairQueue(BOUNDS);
  const failed = queue.run({ owner: "a", bytes: 1 }, () => Promise.reject(new Error("no")));
  const next = queue.run({ owner: "a", bytes: 1 }, () => Promise.resolve("done"));

  await rejects(failed, { message: "no" });
  equal(await next, "done");
});

Deno.test("as many places are taken as there are, and each is given up once", async () => {
  const queue = new FairQueue({ ...BOUNDS, placesMax: 2 });
  const begun: string[] = [];
  const take = async (owner: string) => {
    const leave = await queue.take({ owner, bytes: 1 });
    begun.push(owner);
    return leave;
  };
  const [one, , three] = [take("a"), take("b"), take("c"), take("d")];

  const leave = await one;
  leave();
  leave();
  await three;

  deepEqual(begun, ["a", "b", "c"]);
});
