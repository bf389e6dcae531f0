import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const share = draw.between(0.45, 0.55);
  const isWrong = (minute: number) => minute >= 10 && minute < 55;
  return {
    about:
      "the largest clinic sends codes that the payer does not know; trying again uses up the rate",
    minutes: 64,
    workflows: {
      "health/billing": {
        perMinute: 90,
        task: ({ draw }) => ({
          tags: [
            draw.chance(share) ? "clinic:northside" : draw.pick(["clinic:dale", "clinic:ash"]),
          ],
        }),
        heal: { tier: "T1", attemptsMax: [1, 8] },
        steps: {
          collect: { system: "records" },
          submit: {
            system: "payer",
            after: ["collect"],
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 8, backoff: [500] } },
          },
        },
      },
    },
    systems: {
      records: { react: ({ draw }) => ({ ms: draw.lognormal(60, 200) }) },
      payer: {
        rateLimit: { perS: 2.1 },
        react: ({ draw, minute, task }) =>
          isWrong(minute) && task.tags.includes("clinic:northside")
            ? {
              ms: draw.lognormal(200, 600),
              failure: {
                code: "unknown_procedure_code",
                message: "procedure code is not in catalogue 2027",
                retryable: true,
              },
            }
            : { ms: draw.lognormal(250, 800) },
      },
    },
    wanted: {
      slo: {
        success: 0.95,
        withinMs: 60_000,
        of: ({ tags }) => !tags.includes("clinic:northside"),
      },
      // All other clinics would be held up for the data of one, and the payer is well.
      forbidden: ["pause_starts", "eject_instance", "set_timeout"],
      diagnosis: { failureType: ["validation", "data_quality", "rate_limit"], steps: ["submit"] },
    },
  };
});
