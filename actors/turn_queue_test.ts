import { deepEqual, equal } from "node:assert/strict";
import { TurnQueue } from "./turn_queue.ts";

function queued(count: number) {
  const queue = new TurnQueue<{ canTurn: boolean }>();
  const all = Array.from({ length: count }, () => ({ canTurn: true }));
  for (const one of all) queue.add(one);
  return { queue, all };
}

Deno.test("thousands that want a turn at once do not take it in one iteration", () => {
  const { queue, all } = queued(1_300);
  const taken: object[] = [];
  const sizes: number[] = [];

  const takeSome = () => {
    let isMore = false;
    const some = queue.take(() => isMore = true);
    taken.push(...some);
    sizes.push(some.size);
    if (isMore) takeSome();
  };
  takeSome();

  deepEqual(sizes, [256, 256, 256, 256, 256, 20]);
  deepEqual(taken, all);
});

Deno.test("who cannot take a turn yet is looked at once a pass, and kept for the next one", () => {
  const { queue, all } = queued(500);
  let looks = 0;
  const late = {
    get canTurn() {
      looks++;
      return looks > 1;
    },
  };
  queue.delete(all[0] as (typeof all)[0]);
  queue.add(late);

  let passes = 0;
  const goOn = () => passes++;
  const first = [queue.take(goOn).size, passes];
  const second = [queue.take(goOn).size, passes, queue.has(late), looks];
  const third = [...queue.take(goOn)];

  deepEqual(first, [256, 1]);
  deepEqual(second, [243, 1, true, 1]);
  deepEqual(third, [late]);
  equal(queue.take(goOn).size, 0);
});
