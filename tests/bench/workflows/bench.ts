/** Workflows of the benches: steps that do nothing, with contracts on. */

import { remote, step, workflow, z } from "../../../src/mod.ts";

const Token = z.object({ n: z.int(), text: z.string() });

/** Passes its token on. */
const pass = step({
  input: Token,
  success: Token,
  run: ({ input }) => ({ n: input.n + 1, text: input.text }),
});

/** A chain of `length` steps, each reading the result of the one before. */
export function chain(length: number) {
  return chainOf(length, { name: `chain_${length}` });
}

/** The same, found by three search attributes, of which the last changes with a result. */
export const labelled = chainOf(5, {
  name: "labelled_5",
  search: {
    text: { from: "$.input.text" },
    n: { from: "$.input.n", type: "number" },
    last: { from: "$.s5.n", type: "number" },
  },
});

function chainOf(length: number, meta: { name: string; search?: Search }) {
  return workflow({ namespace: "bench", version: "1.0.0", input: Token, ...meta }, (w) => {
    let last = w.step("s1", pass, { with: ({ input }) => input });
    for (let number = 2; number <= length; number++) {
      const before = last;
      last = w.step(`s${number}`, pass, { needs: { before }, with: ({ before }) => before });
    }
  });
}

type Search = NonNullable<Parameters<typeof workflow>[0]["search"]>;

/** One step, `width` steps after it, and one after all of them. */
export function fan(width: number) {
  return workflow(
    { namespace: "bench", name: `fan_${width}`, version: "1.0.0", input: Token },
    (w) => {
      const first = w.step("first", pass, { with: ({ input }) => input });
      const middle = Array.from(
        { length: width },
        (_, number) => w.step(`m${number}`, pass, { needs: { first }, with: ({ first }) => first }),
      );
      w.step("last", pass, { after: middle, with: ({ input }) => input });
    },
  );
}

/** What every task of a bench is started with: 57 bytes, as the peers' benches use. */
export const INPUT = { n: 0, text: "0123456789012345678901234567890123456789" };

/** Waits for a person, then passes its token through nine steps. */
export const signal10 = {
  name: "signal_10",
  module: workflow(
    { namespace: "bench", name: "signal_10", version: "1.0.0", input: Token },
    (w) => {
      const go = w.signal("go", { success: z.object({}) });
      let last = w.step("s2", pass, { after: [go], with: ({ input }) => input });
      for (let number = 3; number <= 10; number++) {
        const before = last;
        last = w.step(`s${number}`, pass, { needs: { before }, with: ({ before }) => before });
      }
    },
  ),
};

/** Sleeps for as many milliseconds as its token says. */
export const nap = workflow(
  { namespace: "bench", name: "nap", version: "1.0.0", input: Token },
  (w) => void w.sleep("nap", { ms: ({ input }) => input.n }),
);

const echo = remote({ system: "echo", event: "echo.say", input: Token, success: Token });

/** A chain of `length` steps of another system, each sent the result of the one before. */
export function remoteChain(length: number) {
  return workflow(
    { namespace: "bench", name: `remote_chain_${length}`, version: "1.0.0", input: Token },
    (w) => {
      let last = w.step("s1", echo, { with: ({ input }) => input });
      for (let number = 2; number <= length; number++) {
        const before = last;
        last = w.step(`s${number}`, echo, { needs: { before }, with: ({ before }) => before });
      }
    },
  );
}

/** One step of another system, `width` after it, and one after all of them. */
export function remoteFan(width: number) {
  return workflow(
    { namespace: "bench", name: `remote_fan_${width}`, version: "1.0.0", input: Token },
    (w) => {
      const first = w.step("first", echo, { with: ({ input }) => input });
      const middle = Array.from(
        { length: width },
        (_, number) => w.step(`m${number}`, echo, { needs: { first }, with: ({ first }) => first }),
      );
      w.step("last", echo, { after: middle, with: ({ input }) => input });
    },
  );
}

/** What a server of a bench serves: its steps run there, so none belongs to another system. */
export default [chain(10), chain(5), signal10.module];
