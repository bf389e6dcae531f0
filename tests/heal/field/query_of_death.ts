import { scenario } from "tasker/simulation";

/**
 * Some documents kill the process that reads them, and each retry kills the next one. Source: "Site
 * reliability engineering", chapter 22, on queries of death.
 */
export default scenario((draw) => {
  const share = draw.between(0.014, 0.02);
  const downMinutes = draw.between(0.9, 1.3);
  const isSent = (minute: number) => minute >= 13 && minute < 68;
  /** Until when an instance starts again. */
  const down = new Map<string, number>();
  return {
    about: "a few documents crash every converter that they are tried on",
    minutes: 85,
    workflows: {
      "docs/convert": {
        perMinute: 80,
        task: ({ draw, minute }) => ({
          input: { format: isSent(minute) && draw.chance(share) ? "pdf-2.1" : "pdf-1.7" },
        }),
        steps: {
          fetch: { system: "files" },
          convert: {
            system: "converter",
            after: ["fetch"],
            policy: {
              timeoutMs: 20_000,
              retry: { attemptsMax: 6, backoff: "none", delayMsMin: 2_000 },
            },
          },
          store: { system: "files", after: ["convert"] },
        },
        heal: { tier: "T1", attemptsMax: [1, 6] },
      },
    },
    systems: {
      files: { react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
      converter: {
        instances: 10,
        react: ({ draw, minute, task, instance }) => {
          if (minute < (down.get(instance) ?? 0)) {
            const message = "connect ECONNREFUSED";
            return { ms: 10, failure: { class: "thrown", code: "connection_refused", message } };
          }
          if (task.input["format"] !== "pdf-2.1") return { ms: draw.lognormal(900, 3_000) };
          down.set(instance, minute + downMinutes);
          const message = "worker exited with signal 11 (SIGSEGV)";
          return { ms: 1_200, failure: { class: "thrown", code: "worker_exited", message } };
        },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      // The documents are at fault: without an instance the next ones die sooner; no wait helps.
      forbidden: ["eject_instance", "set_timeout", "hold_system"],
      diagnosis: {
        failureType: ["poison", "data_quality", "resource", "dependency_down"],
        steps: ["convert"],
      },
    },
  };
});
