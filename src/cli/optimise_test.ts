import { deepEqual } from "node:assert/strict";
import { OPTIMISE } from "./optimise.ts";

Deno.test("without tasks optimise says which would be read", () => {
  const found = {
    ...{
      workflow: "shop/new",
      version: "",
      policyVersion: 0,
      tasks: 0,
      leftOut: 0,
      isSample: false,
    },
    ...{ bottlenecks: [], parallel_opportunities: [], retry_patterns: [] },
    ...{ suggested_optimizations: [], declined: [], critical_path_optimization: [] },
    ...{ retry_tuning: [], timeout_adjustment: [], dependency_optimization: [] },
    refusal: "no task of it was started since 2026-01-01T10:00:00.000Z",
  };
  deepEqual(OPTIMISE.lines?.(found, { paint: (_, text) => text, input: {} as never }), [
    "shop/new  no task of it was started since 2026-01-01T10:00:00.000Z; --since reads older ones",
  ]);
});

Deno.test("optimise draws the critical path, and says what is suggested and what is not", () => {
  const share = { low: 0.97, high: 1 };
  const lines = OPTIMISE.lines?.({
    workflow: "shop/checkout",
    version: "1.0.0",
    policyVersion: 0,
    tasks: 200,
    leftOut: 3,
    isSample: false,
    bottlenecks: [{
      step: "charge",
      tasks: 200,
      onPath: 200,
      onPathShare: share,
      share: 0.5,
      meanMs: 4_000,
      waitedMs: 1_000,
      ranMs: 2_000,
      betweenMs: 1_000,
      freeSavesMs: 3_000,
    }],
    parallel_opportunities: [{
      steps: ["a", "b"],
      tasks: 200,
      savesMs: { mean: 1_200, low: 1_000, high: 1_400 },
      reason: "the order is declared",
    }],
    retry_patterns: [{
      step: "charge",
      attemptsMax: 3,
      runs: 200,
      inOutages: 0,
      attempts: [
        { attempt: 1, reached: 200, succeeded: 160, share, costMs: 1 },
        { attempt: 2, reached: 40, succeeded: 40, share, costMs: 1 },
      ],
      errors: [],
    }],
    suggested_optimizations: [{ kind: "timeout", text: "Raise it", tier: "T2", tasks: 200 }],
    declined: [{ kind: "retry", of: "pay", reason: "too few were seen" }],
    critical_path_optimization: [],
    retry_tuning: [],
    timeout_adjustment: ["Raise it"],
    dependency_optimization: [],
  }, { input: { namespace: "shop", name: "checkout" }, paint: (_, text) => text });

  deepEqual(lines, [
    "shop/checkout 1.0.0  200 tasks; 3 left out, of other versions or overlays or not at their end",
    "",
    "critical path",
    "STEP                          SHARE  MEAN   ON THE PATH",
    "charge  ·····██████████░░░░░  50 %   4.0 s  100 % of tasks  3.0 s less if it took no time",
    "  █ under way  ░ between attempts  · waiting for a limit",
    "",
    "suggested",
    "→ Raise it (a policy: policies put, or whatif first)",
    "",
    "could run at once",
    "a and b, which saves 1.2 s a task; not suggested: the order is declared",
    "",
    "retries",
    "charge succeeds with attempt 1: 80 % of 200, 2: 100 % of 40 (at most 3)",
    "",
    "left as it is",
    "retry of pay: too few were seen",
  ]);
});
