import { deepEqual } from "node:assert/strict";
import type { BuildOutcome } from "../../ffi/build.ts";
import { Building, reasonOf } from "./launch_build.ts";

const COMPILING = "   Compiling syn v3.0.10";
const STARTED =
  "building the Rust core in the background; the next start uses it once it is built …";
const ENDED: BuildOutcome = { kind: "absent", reason: `cargo was ended by SIGINT\n${COMPILING}` };

/** A build that the test ends, and a launcher that the test stops. */
function openBuilding({ isAsked = false } = {}) {
  const lines: string[] = [];
  const failed = Promise.withResolvers<void>();
  const built = Promise.withResolvers<BuildOutcome>();
  const asked = Promise.withResolvers<void>();
  const stopping = { isAsked, asked: asked.promise };
  const building = new Building({
    build: ({ onLine }) => {
      onLine?.(COMPILING);
      return built.promise;
    },
    onLine: (line) => {
      lines.push(line);
      if (line.startsWith("serving")) failed.resolve();
    },
    stopping,
  });
  const stop = () => {
    stopping.isAsked = true;
    asked.resolve();
  };
  return { building, lines, stop, end: built.resolve, failed: failed.promise };
}

Deno.test("a build that cannot be made is reported in one line", async () => {
  const { lines, end, failed } = openBuilding();

  end({
    kind: "absent",
    reason: `cargo build failed\n${COMPILING}\nerror: no linker\n  Caused by:`,
  });
  await failed;

  deepEqual(lines, [STARTED, "serving with the TypeScript core: error: no linker"]);
});

Deno.test("a build that a Ctrl-C has ended was reported as failed", async () => {
  for (const isCargoFirst of [true, false]) {
    const { building, lines, stop, end } = openBuilding();

    if (isCargoFirst) {
      end(ENDED);
      await building.takeNow();
      stop();
    } else {
      stop();
      end(ENDED);
      await building.takeNow();
    }
    await settled();

    deepEqual(lines, [STARTED]);
  }
});

Deno.test("a build says nothing once stopping was asked", async () => {
  const { building, lines, end } = openBuilding({ isAsked: true });

  end({ kind: "built", libraryPath: "/core.so" });
  await building.takeNow();
  await settled();

  deepEqual(lines, []);
});

Deno.test("reasonOf() takes the first error, else the first line that is no progress", () => {
  const reasons = [
    "cargo is not installed",
    `cargo build failed\n${COMPILING}\n Downloading crates ...`,
    `${COMPILING}\n  Downloaded quote v1.0.0\nerror: no linker\nerror: could not compile`,
    `${COMPILING}\n  failed to start`,
    COMPILING,
  ];

  deepEqual(reasons.map((reason) => reasonOf({ reason })), [
    "cargo is not installed",
    "cargo build failed",
    "error: no linker",
    "failed to start",
    "Compiling syn v3.0.10",
  ]);
});

/** Lets every promise that is resolved go on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
