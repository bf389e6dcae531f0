import { scenario } from "tasker/simulation";

/** A new version of a workflow sends dates that customs refuse: only a person can put it right. */
export default scenario((draw) => {
  const deploy = draw.whole(18, 24);
  return {
    about: "a new version of a customs workflow sends dates that the authority refuses",
    minutes: 65,
    workflows: {
      "freight/declare": {
        perMinute: 12,
        version: (minute) => minute < deploy ? "2.4.0" : "2.5.0",
        steps: {
          classify: { system: "tariffs" },
          declare: { system: "customs", after: ["classify"] },
        },
      },
    },
    systems: {
      tariffs: { react: ({ draw }) => ({ ms: draw.lognormal(300, 900) }) },
      customs: {
        react: ({ draw, task }) =>
          task.version === "2.5.0"
            ? {
              ms: draw.lognormal(200, 600),
              failure: { code: "CDS12005", message: "issueDate: format must be 102 (YYYYMMDD)" },
            }
            : { ms: draw.lognormal(1_500, 6_000) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000 },
      forbidden: ["set_timeout", "set_retry", "eject_instance", "limit_system", "quarantine_task"],
      diagnosis: {
        failureType: ["deploy_regression", "contract_drift", "validation"],
        steps: ["declare"],
      },
    },
  };
});
