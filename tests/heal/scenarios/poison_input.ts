import { scenario } from "tasker/simulation";
import { healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.04, 0.07);
  const failure = {
    class: "thrown",
    code: "parser_crashed",
    message: "worker crashed while parsing: maximum call stack size exceeded",
  } as const;
  return shop({
    about: "a few orders crash the worker that gets them, after long work, at every attempt",
    charge: { timeoutMs: 20_000, retry: { attemptsMax: 8, delayMsMin: 100, delayMsMax: 500 } },
    task: ({ draw, minute }) => ({
      tags: isFaulty(minute) && draw.chance(share) ? ["format:v9"] : [],
    }),
    payments: {
      capacity: { workers: 4 },
      react: (call) =>
        call.task.tags.includes("format:v9") ? { ms: 9_000, failure } : healthy(call),
    },
    wanted: {
      slo: within(10, ({ tags }) => !tags.includes("format:v9")),
      diagnosis: { failureType: ["poison", "data_quality"], steps: ["charge"] },
    },
  });
});
