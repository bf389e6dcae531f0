import { scenario } from "tasker/simulation";

/**
 * A feature flag is turned on for more and more users, and its code has a bug. No version, instance or
 * tag shows it. Only people can turn it off: the right answer is to report it.
 */
export default scenario((draw) => {
  const last = draw.whole(34, 42);
  const shareAt = (minute: number) =>
    minute < 12 || minute >= 75 ? 0 : minute < 20 ? 10 : minute < 28 ? 22 : last;
  return {
    about: "a flag with a bug is turned on for a growing share of users",
    minutes: 90,
    workflows: {
      "crm/sync": {
        perMinute: 50,
        task: ({ draw }) => ({ input: { user: draw.whole(0, 9_999) } }),
        steps: {
          load: { system: "crm" },
          merge: {
            system: "merger",
            after: ["load"],
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 4, delayMsMin: 500 } },
          },
          save: { system: "crm", after: ["merge"] },
        },
      },
    },
    systems: {
      crm: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(90, 350) }) },
      merger: {
        instances: 5,
        react: ({ draw, minute, task }) => {
          const ms = draw.lognormal(150, 500);
          if (Number(task.input["user"]) % 100 >= shareAt(minute)) return { ms };
          const message = "TypeError: Cannot read properties of undefined (reading 'address')";
          return { ms, failure: { class: "thrown", code: "type_error", message } };
        },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      // The same user fails on each try, anywhere: the other users must not feel anything of it.
      forbidden: [
        "set_timeout",
        "eject_instance",
        "limit_system",
        "hold_system",
        "pause_starts",
      ],
      diagnosis: {
        failureType: ["config", "deploy_regression", "data_quality"],
        steps: ["merge"],
      },
    },
  };
});
