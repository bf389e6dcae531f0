import assert from "node:assert/strict";
import type { AskedCapability } from "./asked_capability.ts";
import { ANY_SYSTEM, type Instance } from "./system.ts";
import { chooseSystem, SystemDirectory } from "./system_directory.ts";

const NAMESPACE = "orders";

function instance(system: string, more: Partial<Instance> & { offers?: string } = {}): Instance {
  const { offers, ...rest } = more;
  const [name = "", version] = offers?.split("@") ?? [];
  return {
    system,
    instance: "a",
    version: "1.0.0",
    state: "healthy",
    isDeclared: false,
    namespaces: [],
    capabilities: offers === undefined ? [] : [{ name, ...(version && { version }) }],
    ...rest,
  };
}

function parseCapability(text: string): AskedCapability {
  const [name = "", range] = text.split("@");
  return { name, ...(range !== undefined && { range }) };
}

/** A directory in which workflows of "orders" name every system. */
function directoryOf(...instances: readonly Instance[]): SystemDirectory {
  const directory = new SystemDirectory((_, namespace) => namespace === NAMESPACE);
  directory.set(instances);
  return directory;
}

function found(directory: SystemDirectory, asked: string, owner = ANY_SYSTEM) {
  const capability = parseCapability(asked);
  return directory.candidates({ namespace: NAMESPACE, owner, capability });
}

Deno.test("an owner that nobody has registered gets its steps as before", () => {
  assert.deepEqual(directoryOf().candidates({ namespace: NAMESPACE, owner: "bank" }), ["bank"]);
});

Deno.test("an owner whose instances are all gone or unhealthy gets no step", () => {
  const directory = directoryOf(
    instance("bank", { state: "gone" }),
    instance("bank", { instance: "b", state: "unhealthy" }),
  );

  assert.equal(
    directory.candidates({ namespace: NAMESPACE, owner: "bank" }),
    "no_healthy_instance",
  );
});

Deno.test("a capability leads to every system that offers it in the range", () => {
  const directory = directoryOf(
    instance("east", { offers: "stock.check@1.2.0" }),
    instance("north", { offers: "stock.check@2.0.0" }),
    instance("west", { offers: "stock.check@1.9.0" }),
    instance("other", { offers: "stock.count@1.2.0" }),
  );

  assert.deepEqual(found(directory, "stock.check@^1.2"), ["east", "west"]);
  assert.deepEqual(found(directory, "stock.check"), ["east", "north", "west"]);
  assert.deepEqual(found(directory, "stock.check@^1.2", "west"), ["west"]);
  assert.equal(found(directory, "stock.check@^3"), "no_system_offers");
  assert.equal(found(directory, "stock.sell"), "no_system_offers");
});

Deno.test("a capability whose systems are unhealthy waits for a healthy instance", () => {
  const directory = directoryOf(
    instance("east", { offers: "stock.check@1.2.0", state: "unhealthy" }),
    instance("west", { offers: "stock.check@3.0.0" }),
  );

  assert.equal(found(directory, "stock.check@^1.2"), "no_healthy_instance");
});

Deno.test("a system whose instances share a channel but not the version gets no step of it", () => {
  const directory = directoryOf(
    instance("east", { offers: "stock.check@1.2.0" }),
    instance("east", { instance: "old", offers: "stock.check@1.1.0" }),
  );

  assert.equal(found(directory, "stock.check@^1.2"), "instances_differ");
  assert.deepEqual(found(directory, "stock.check@^1.1"), ["east"]);
});

Deno.test("an instance that is gone does not count for the versions of its system", () => {
  const directory = directoryOf(
    instance("east", { offers: "stock.check@1.2.0" }),
    instance("east", { instance: "old", offers: "stock.check@1.1.0", state: "gone" }),
  );

  assert.deepEqual(found(directory, "stock.check@^1.2"), ["east"]);
});

Deno.test("what a manifest declares counts until a worker has registered", () => {
  const of = { isDeclared: true, namespaces: [NAMESPACE] };
  const declared = instance("east", { offers: "stock.check", ...of });

  assert.deepEqual(found(directoryOf(declared), "stock.check@^7"), ["east"]);
  const worker = instance("east", { instance: "w", offers: "stock.check@1.0.0" });
  assert.equal(found(directoryOf(declared, worker), "stock.check@^7"), "no_system_offers");
});

Deno.test("what a manifest declares counts for steps of its own namespace alone", () => {
  const foreign = { isDeclared: true, namespaces: ["globex"], state: "unhealthy" } as const;
  const directory = directoryOf(instance("east", { offers: "stock.check", ...foreign }));

  assert.deepEqual(directory.candidates({ namespace: NAMESPACE, owner: "east" }), ["east"]);
  assert.equal(found(directory, "stock.check"), "no_system_offers");
  assert.equal(
    directory.candidates({ namespace: "globex", owner: "east" }),
    "no_healthy_instance",
  );
});

Deno.test("a capability never leads to a system that the namespace neither names nor was given", () => {
  const stranger = instance("east", { offers: "stock.check@1.0.0" });
  const given = instance("west", { offers: "stock.check@1.0.0", namespaces: ["returns"] });
  const directory = directoryOf(stranger, given);
  const capability = parseCapability("stock.check");
  const asked = { namespace: "returns", owner: ANY_SYSTEM, capability };

  assert.deepEqual(directory.candidates(asked), ["west"]);
  assert.equal(directory.candidates({ ...asked, namespace: "else" }), "no_system_offers");
});

Deno.test("a change of the directory is seen by the next question", () => {
  const directory = directoryOf();
  assert.equal(found(directory, "stock.check"), "no_system_offers");
  let changes = 0;
  directory.subscribe(() => changes++);

  directory.set([instance("east", { offers: "stock.check@1.0.0" })]);

  assert.deepEqual(found(directory, "stock.check"), ["east"]);
  assert.equal(changes, 1);
});

Deno.test("attempts are spread over the systems, and each choice can be repeated", () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 3_000; seed++) {
    const of = { seed: `task-${seed}`, last: undefined, isFailing: () => false };
    const name = chooseSystem(["east", "north", "west"], of);
    assert.equal(chooseSystem(["west", "east", "north"], of), name);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }

  assert.ok([...counts.values()].every((count) => count > 800), `${[...counts]}`);
});

Deno.test("the system of the last attempt is preferred, unless it fails and another does not", () => {
  const last = "north";
  for (let seed = 0; seed < 20; seed++) {
    const of = { seed: `${seed}`, last };
    const choose = (...failing: readonly string[]) =>
      chooseSystem(["east", "north", "west"], { ...of, isFailing: (one) => failing.includes(one) });
    assert.equal(choose(), "north");
    assert.equal(choose("north", "west"), "east");
    assert.equal(choose("east", "north", "west"), "north");
  }
});
