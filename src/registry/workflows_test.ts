import { deepEqual, equal, ok } from "node:assert/strict";
import type { Command } from "../core/command.ts";
import { mintTaskId } from "../core/ids.ts";
import type { CommandSink, StartRequest } from "../core/ports.ts";
import { workflow, z } from "../mod.ts";
import { digest, MemoryDefinitions, refusal } from "../../tests/support/registry_fixture.ts";
import { openRegistry } from "./load.ts";
import { openStarter } from "./workflows.ts";

const ID = mintTaskId(0, 7, "00000000-0000-4000-8000-000000000000");

const pay = workflow({
  namespace: "tests",
  name: "pay",
  version: "1.0.0",
  input: z.object({ cents: z.int().positive(), currency: z.string().default("EUR") }),
}, (w) => void w.sleep("rest", { ms: 1 }));

/** A starter whose commands are kept, not sent. */
async function open(modules = [pay], definitions = new MemoryDefinitions()) {
  const sent: Command[] = [];
  const sink: CommandSink = {
    mintTaskId: () => ID,
    send: (command) => {
      sent.push(command);
      return Promise.resolve({ taskId: ID, turn: 1, changed: true });
    },
  };
  const registry = await openRegistry({ modules, definitions, digest, onWarning: () => {} });
  return { starter: openStarter(registry, sink), sent, registry, definitions };
}

function request(change: Partial<StartRequest>): StartRequest {
  return { workflow: "tests/pay", input: { cents: 1 }, tags: [], commandId: "c1", ...change };
}

Deno.test("Starter.start() sends a StartTask with the checked input, defaults filled in", async () => {
  const { starter, sent, registry } = await open();

  const answer = await starter.start(request({ tags: ["a"], key: "k", deadlineMs: 5 }));

  deepEqual(answer, { taskId: ID, turn: 1, changed: true });
  deepEqual(sent, [{
    kind: "StartTask",
    taskId: ID,
    commandId: "c1",
    namespace: "tests",
    workflow: "tests/pay",
    version: "1.0.0",
    definitionHash: registry.find("tests/pay")?.hash,
    input: '{"cents":1,"currency":"EUR"}',
    tags: ["a"],
    key: "k",
    deadlineMs: 5,
  }]);
});

Deno.test("Starter.start() checks a stored version by its schema, defaults filled in", async () => {
  const { definitions } = await open();
  const { starter, sent } = await open([], definitions);

  await starter.start(request({ version: "1.0.0" }));
  const error = await refusal(() => starter.start(request({ version: "1.0.0", input: {} })));

  equal(sent[0]?.kind === "StartTask" && sent[0].input, '{"cents":1,"currency":"EUR"}');
  equal(error.code, "contract.violation");
});

Deno.test("Starter.start() refuses input that breaks the contract, and sends nothing", async () => {
  const { starter, sent } = await open();

  const error = await refusal(() => starter.start(request({ input: { cents: -1, currency: 5 } })));

  equal(error.code, "contract.violation");
  deepEqual(error.faults.map(({ path }) => path), ["input.cents", "input.currency"]);
  deepEqual(sent, []);
});

Deno.test("Starter.start() suggests near names of the same namespace, and known versions", async () => {
  const other = workflow({ ...pay, namespace: "secret", name: "pya", version: "1" }, (w) => {
    w.sleep("rest", { ms: 1 });
  });
  const { starter } = await open([pay, other as typeof pay]);

  const near = await refusal(() => starter.start(request({ workflow: "tests/pya" })));
  const version = await refusal(() => starter.start(request({ version: "2.0.0" })));

  equal(near.code, "definition.unknown");
  ok(near.message.endsWith('did you mean "tests/pay"'), near.message);
  equal(version.code, "definition.unknown");
  ok(version.message.endsWith("known versions are 1.0.0"), version.message);
});
