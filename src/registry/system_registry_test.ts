import { deepEqual } from "node:assert/strict";
import { ManualRuntime } from "../../tests/support/manual_runtime.ts";
import { TaskerError } from "../core/errors.ts";
import type { InstanceRow, NewInstance, SystemStore } from "../core/ports.ts";
import { SystemDirectory } from "../core/system_directory.ts";
import { SystemRegistry } from "./system_registry.ts";

function declared(system: string): NewInstance {
  return {
    system,
    instance: "@acme/flow",
    isDeclared: true,
    version: "1.0.0",
    capabilities: [],
    namespaces: ["acme"],
    leaseMs: 90_000,
  };
}

Deno.test("a declared entry that cannot be stored is a warning, and holds up no other one", async () => {
  const stored: string[] = [];
  const warned: unknown[] = [];
  const store: SystemStore = {
    isKnown: () => true,
    register({ system }) {
      if (system === "bad") return Promise.reject(new TaskerError("system.full", "no room"));
      stored.push(system);
      return Promise.resolve("changed");
    },
    renew: (declared) => Promise.resolve(declared),
    leave: () => Promise.resolve(false),
    forget: () => Promise.resolve(false),
    read: () => Promise.resolve({ version: 1, instances: [] }),
    list: () => Promise.resolve([]),
    endLeases: () => Promise.resolve([]),
    report: () => Promise.resolve(),
  };
  const registry = new SystemRegistry({
    runtime: new ManualRuntime(),
    store,
    directory: new SystemDirectory(),
    declared: () => [declared("bad"), declared("stock")],
    plans: () => [],
    isMine: () => true,
    check: () => Promise.resolve(false),
    wasBusAway: () => false,
    warn: (_text, { system, error }) => warned.push([system, error]),
  });

  await registry.open();

  deepEqual(stored, ["stock"]);
  deepEqual(warned, [["bad", "no room"]]);
});

Deno.test("a workflow that is loaded later registers what it declares, and nothing of the others", async () => {
  const [asked, stored]: [string[][], string[]] = [[], []];
  const all = [declared("stock")];
  const registry = new SystemRegistry({
    runtime: new ManualRuntime(),
    store: {
      isKnown: () => true,
      register: ({ system }) => Promise.resolve((stored.push(system), "changed")),
      renew: (of) => Promise.resolve((asked.push(of.map(({ system }) => system)), of)),
      leave: () => Promise.resolve(false),
      forget: () => Promise.resolve(false),
      read: () => Promise.resolve({ version: 1, instances: [] }),
      list: () => Promise.resolve([]),
      endLeases: () => Promise.resolve([]),
      report: () => Promise.resolve(),
    },
    directory: new SystemDirectory(),
    declared: () => all,
    plans: () => [],
    isMine: () => true,
    check: () => Promise.resolve(false),
    wasBusAway: () => false,
    warn: () => {},
  });
  await registry.open();

  all.push(declared("bank"));
  await registry.declare();
  await registry.declare();

  deepEqual(asked, [["stock"], ["bank"]]);
  deepEqual(stored, ["stock", "bank"]);
});

Deno.test("a worker that polled as soon as it had registered was answered that there is no such system", async () => {
  const directory = new SystemDirectory();
  const stored: InstanceRow[] = [];
  const reads: (() => void)[] = [];
  const registry = new SystemRegistry({
    runtime: new ManualRuntime(),
    store: {
      isKnown: () => true,
      register: (one) => {
        stored.push({ ...one, state: "healthy", detail: "", sinceMs: 0, expiresAtMs: 0 } as never);
        return Promise.resolve("changed");
      },
      renew: () => Promise.resolve([]),
      leave: () => Promise.resolve(false),
      forget: () => Promise.resolve(false),
      async read() {
        const read = { version: stored.length, instances: [...stored] };
        await new Promise<void>((resolve) => reads.push(resolve));
        return read;
      },
      list: () => Promise.resolve([]),
      endLeases: () => Promise.resolve([]),
      report: () => Promise.resolve(),
    },
    directory,
    declared: () => [],
    plans: () => [],
    isMine: () => true,
    check: () => Promise.resolve(false),
    wasBusAway: () => false,
    warn: () => {},
  });
  const { isDeclared: _, ...of } = declared("stock");

  void registry.refresh(); // a read that began before
  const registered = registry.register({ ...of, instance: "one" }).then(() =>
    directory.get("stock")?.instances.map(({ instance }) => instance)
  );
  for (let turn = 0; turn < 20; turn++) {
    await Promise.resolve();
    reads.shift()?.();
  }

  deepEqual(await registered, ["one"]);
});
