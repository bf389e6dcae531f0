import { scenario } from "tasker/simulation";
import { healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const minute = draw.whole(20, 40);
  return shop({
    about: "a new version of the workflow and new workers, which are as good as those before",
    version: (at) => at < minute ? "1.0.0" : "1.1.0",
    payments: {
      instances: {
        "v1-a": { untilMinute: minute },
        "v1-b": { untilMinute: minute + 1 },
        "v2-a": { fromMinute: minute },
        "v2-b": { fromMinute: minute + 1 },
      },
      react: healthy,
    },
    wanted: { slo: within(60), isControl: true },
  });
});
