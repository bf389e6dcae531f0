/** A system in a process of its own: answers each command with what it was asked. */

import { openBus } from "../../src/bus/open.ts";
import { BUS_KINDS } from "../../src/core/broker.ts";
import { commandChannel } from "../../src/core/channels.ts";
import { type Envelope, parseEnvelope, STEP_COMPLETED } from "../../src/core/envelope.ts";
import { PostgresDatabase } from "../../src/journal/database.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";

const [databaseUrl = "", kindText = "", url] = Deno.args;
const kind = BUS_KINDS.find((one) => one === kindText) ?? "postgres";
const runtime = openRuntime();
const database = new PostgresDatabase({ url: databaseUrl, runtime, name: "echo" });
const bus = await openBus({
  kind,
  url,
  prefix: "tasker.workflows",
  database,
  runtime,
  log: SILENT_LOG,
});

function answerTo(command: Envelope): Envelope {
  return {
    specversion: "1.0",
    id: `${command.id}:completed`,
    source: "/echo",
    type: STEP_COMPLETED,
    subject: command.subject,
    correlationid: command.correlationid,
    causationid: command.id,
    taskerattempt: command.taskerattempt,
    taskerreplytoken: command.taskerreplytoken,
    data: command.data,
  };
}

await bus.consume(
  commandChannel("tasker.workflows", "echo"),
  { group: "echo", inFlightMax: 256, leaseMs: 30_000 },
  async ({ body }) => {
    const command = parseEnvelope(body);
    await bus.publish(command.taskerreplyto ?? "", [answerTo(command)]);
    return { kind: "ack" };
  },
);
console.log("ready");
for await (const _ of Deno.stdin.readable); // until the bench ends
Deno.exit();
