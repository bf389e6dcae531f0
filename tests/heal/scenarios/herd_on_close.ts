import { scenario } from "tasker/simulation";
import { fails, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const [periodMin, awayMin] = [draw.between(7, 9), draw.between(1.2, 2)];
  const isAway = (minute: number) => minute >= 15 && minute < 65 && minute % periodMin < awayMin;
  const failure = {
    class: "thrown",
    code: "http_503",
    message: "503 Service Unavailable",
  } as const;
  return shop({
    about: "payments goes away for a minute or two, and all that waited comes at once",
    perMinute: 90,
    charge: { timeoutMs: 2_500 },
    payments: {
      capacity: { workers: 2 },
      react: ({ draw, minute }) =>
        isAway(minute) ? fails(failure) : { ms: draw.lognormal(1_000, 1_500) },
    },
    wanted: {
      slo: within(240),
      forbidden: ["set_timeout"],
      diagnosis: { failureType: ["overload", "flapping", "dependency_down"], steps: ["charge"] },
    },
  });
});
