/** Hello: the smallest workflow, for a first look. */

import { step, workflow, z } from "tasker";

/** Greets somebody. */
export const greet = step({
  input: z.object({ name: z.string().min(1).max(100) }),
  success: z.object({ greeting: z.string() }),
  run: ({ input }) => ({ greeting: `Hello, ${input.name}!` }),
});

/** Says it louder. */
export const shout = step({
  input: z.object({ text: z.string() }),
  success: z.object({ shout: z.string() }),
  run: ({ input, log }) => {
    log("shouting");
    return { shout: input.text.toUpperCase() };
  },
});

export default workflow({
  namespace: "examples",
  name: "hello",
  version: "1.0.0",
  input: z.object({ name: z.string().min(1).max(100) }),
}, (w) => {
  const greeted = w.step("greet", greet);
  w.step("shout", shout, {
    needs: { greeted },
    with: ({ greeted }) => ({ text: greeted.greeting }),
  });
});
