/**
 * A worker of Tasker over Redis Streams, in one file to copy: change SYSTEM and HANDLERS.
 *
 *     npm install redis
 *     REDIS_URL=redis://127.0.0.1:6379 node worker.mjs
 *
 * Contract: docs/envelopes.md. A crash between working, answering and acknowledging repeats the work.
 */

import { createHash, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";

const SYSTEM = "node_payments";
const PREFIX = process.env.TASKER_BUS_PREFIX ?? "tasker.workflows";
const [COMMANDS, DEAD] = [`${PREFIX}.cmd.${SYSTEM}`, `${PREFIX}.dead.${SYSTEM}`];
const CONSUMER = randomUUID(); // two workers of one name would take each other's commands
const SLOTS = 8; // commands in hand at once
const DELIVERIES_MAX = 10; // what comes more often breaks its workers
const LEASE_MS = Number(process.env.LEASE_MS ?? 10_000); // silent for longer: another takes over
const BLOCK_MS = 2_000; // the longest wait for a command, and so for the end after SIGTERM

const CANCELLED_MAX = 1_000; // ids that are kept: their commands may be taken and not be in hand yet

/** The step failed by its contract, for good. */
class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Charges a card. All attempts of a step have one key: do nothing twice under one key. */
async function charge({ amount_cents }, key, signal) {
  if (amount_cents > 1_000_000) throw new Refused("card_declined", "No card pays that much");
  await sleep(Number(process.env.WORK_MS ?? 0), undefined, { signal }); // throws when cancelled
  await writeFile(join(process.env.LEDGER ?? tmpdir(), key), "");
  const hash = createHash("sha256").update(key).digest("hex");
  return { transaction_id: hash.slice(0, 16), status: "completed" };
}

const HANDLERS = { "payment.charge": charge };

const stop = new AbortController();
let away; // since when the broker does not answer; undefined: it does
const inHand = new Map();
const cancelledIds = new Set();

function log(text) {
  console.error(`${SYSTEM}: ${text}`);
}

/** Returns the command that a body is, or undefined when nobody can use it. */
function parse(body) {
  try {
    const command = JSON.parse(body);
    const needed = ["id", "type"];
    if ("taskerreplytoken" in command) needed.push("subject", "taskerreplyto");
    const isWhole = needed.every((name) => typeof command[name] === "string");
    return isWhole && !Number.isNaN(lifetimeMs(command)) ? command : undefined;
  } catch {
    return undefined;
  }
}

/** How long it was wanted when it was sent. Both times are the engine's: our clock may be wrong. */
function lifetimeMs({ time, expirytime }) {
  return expirytime === undefined ? Infinity : Date.parse(expirytime) - Date.parse(time);
}

/** Made again it has the same id, so that a repeat is known as one. */
function reply(command, kind, data) {
  const { subject, correlationid, traceparent, taskerattempt, taskerreplytoken } = command;
  const copied = { subject, correlationid, traceparent, taskerattempt, taskerreplytoken };
  const made = {
    specversion: "1.0",
    id: `${command.id}:${kind}`,
    source: `/${SYSTEM}`,
    type: `tasker.step.${kind}`,
    time: new Date().toISOString(),
    causationid: command.id,
    datacontenttype: "application/json",
  };
  return { ...made, ...copied, data };
}

function failed(command, error_code, error_message, retryable = false) {
  return reply(command, "failed", { error_code, error_message, retryable });
}

/** Does what a command asks; returns the reply, or undefined when nobody waits for one. */
async function answer(command, { deliveries, waitedMs, signal }) {
  const { id, type } = command;
  if (type === "tasker.step.cancelled") {
    cancelledIds.add(command.causationid);
    if (cancelledIds.size > CANCELLED_MAX) cancelledIds.delete(cancelledIds.values().next().value);
    for (const other of inHand.values()) {
      if (other.command?.id === command.causationid) other.cancel.abort();
    }
  }
  if (!("taskerreplytoken" in command)) return log(`${id} (${type}) is a notice`);
  if (signal.aborted) return log(`${id} is dropped: it was cancelled`);
  if (waitedMs >= lifetimeMs(command)) {
    return log(`${id} is dropped: ${command.expirytime} is over`);
  }
  if (deliveries > DELIVERIES_MAX) {
    return failed(command, "redelivery_exhausted", `Taken ${deliveries} times in vain`);
  }
  if (!Object.hasOwn(HANDLERS, type)) {
    return failed(command, "unknown_type", `Type "${type}" is not known here`);
  }
  try {
    const result = await HANDLERS[type](command.data, command.subject, signal);
    return signal.aborted ? undefined : reply(command, "completed", result);
  } catch (error) {
    if (signal.aborted) return undefined;
    if (error instanceof Refused) return failed(command, error.code, error.message);
    return failed(command, "unexpected", String(error), true);
  }
}

/** Connects. A lost connection is ours to replace: the client could wait for one for ever. */
async function connect() {
  const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
  const socket = { reconnectStrategy: false };
  const redis = createClient({ url, disableOfflineQueue: true, socket });
  redis.on("error", () => {}); // the command that fails says why
  await answered(redis.connect());
  return redis;
}

/** Fails what gets no answer, as when the broker is frozen. */
async function answered(promise) {
  const over = new AbortController();
  const late = sleep(BLOCK_MS + 3_000, undefined, over).then(() => {
    throw new Error("Redis does not answer");
  });
  late.catch(() => {});
  return await Promise.race([promise, late]).finally(() => over.abort());
}

/** Makes the group, from the first command on, also when somebody deleted it. */
async function makeGroup(redis) {
  await answered(redis.xGroupCreate(COMMANDS, SYSTEM, "0", { MKSTREAM: true })).catch((error) => {
    if (!error.message.startsWith("BUSYGROUP")) throw error;
  });
}

/** Takes a command that nobody was heard of for a lease, else waits for a new one. */
async function take(redis, slot) {
  const claim = [COMMANDS, SYSTEM, CONSUMER, LEASE_MS, slot.cursor, { COUNT: 1 }];
  const { nextId, messages } = await answered(redis.xAutoClaim(...claim));
  slot.cursor = nextId;
  let entry = messages.find((one) => one !== null);
  if (entry === undefined) {
    const wanted = { key: COMMANDS, id: ">" };
    const options = { COUNT: 1, BLOCK: BLOCK_MS };
    const read = await answered(redis.xReadGroup(SYSTEM, CONSUMER, wanted, options));
    entry = read?.[0].messages[0];
  }
  if (entry === undefined || inHand.has(entry.id)) return undefined;
  const [pending] = await answered(redis.xPendingRange(COMMANDS, SYSTEM, entry.id, entry.id, 1));
  const [seconds, microseconds] = await answered(redis.time()); // Redis's clock made the id, too
  const waitedMs = seconds * 1_000 + microseconds / 1_000 - entry.id.split("-")[0];
  const body = entry.message.ce ?? JSON.stringify(entry.message);
  return { id: entry.id, body, deliveries: pending?.deliveriesCounter ?? 1, waitedMs };
}

/** Works; returns what is to be published, if anything, before the entry is acknowledged. */
async function handle({ id, body, deliveries, waitedMs }) {
  const [command, cancel] = [parse(body), new AbortController()];
  if (inHand.has(id)) return undefined; // another slot has it: its lease was over before it was in hand
  inHand.set(id, { command, cancel });
  if (cancelledIds.has(command?.id)) cancel.abort();
  if (command !== undefined) {
    const envelope = await answer(command, { deliveries, waitedMs, signal: cancel.signal });
    return { id, channel: command.taskerreplyto, envelope };
  }
  const data = { channel: COMMANDS, body: body.slice(0, 8_192) };
  const type = "tasker.envelope.dead";
  const envelope = { specversion: "1.0", id: `${id}:dead`, source: `/${SYSTEM}`, type, data };
  return { id, channel: DEAD, envelope };
}

/** Answers, and only then acknowledges. */
async function settle(redis, { id, channel, envelope }) {
  if (envelope !== undefined) {
    await answered(redis.xAdd(channel, "*", { ce: JSON.stringify(envelope) }));
  }
  await answered(redis.multi().xAck(COMMANDS, SYSTEM, id).xDel(COMMANDS, id).exec());
}

/** One slot, with a connection of its own: a read that waits would hold up all others. */
async function work() {
  const slot = { cursor: "0-0" };
  let redis, held; // what is worked off, and not acknowledged yet
  while (!stop.signal.aborted || held !== undefined) {
    try {
      if (redis === undefined) await makeGroup(redis = await connect());
      const taken = held === undefined ? await take(redis, slot) : undefined;
      if (taken !== undefined) held = await handle(taken);
      if (held !== undefined) await settle(redis, held);
      inHand.delete(held?.id);
      held = away = undefined;
    } catch (error) {
      if (redis?.isOpen) redis.destroy();
      redis = undefined;
      if (stop.signal.aborted) break; // another worker takes it, when its lease ends
      await rest(error);
    }
  }
}

/** Waits, longer the longer the broker is away; says so at first, and then every 30 s. */
async function rest(error) {
  const now = performance.now();
  away ??= { since: now, silentUntil: now };
  if (now >= away.silentUntil) {
    away.silentUntil = now + 30_000;
    log(`rests: ${error}`);
  }
  const times = Math.min(1 + (now - away.since) / 10_000, 5);
  await sleep((500 + 1_000 * Math.random()) * times, undefined, stop).catch(() => {});
}

/** Takes what is in hand again, and again, so that no other worker does. */
async function keepLeases() {
  for (let redis;;) {
    await sleep(LEASE_MS / 3);
    try {
      const ids = [...inHand.keys()];
      if (ids.length === 0) continue;
      redis ??= await connect();
      await answered(redis.xClaimJustId(COMMANDS, SYSTEM, CONSUMER, 0, ids));
    } catch (error) {
      log(`cannot keep what is in hand: ${error}`);
      if (redis?.isOpen) redis.destroy();
      redis = undefined;
    }
  }
}

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => stop.abort());
void keepLeases();
log("takes commands");
await Promise.all(Array.from({ length: SLOTS }, work)); // after SIGTERM: what is in hand is answered
try {
  const redis = await connect();
  const options = { consumer: CONSUMER };
  const left = await answered(redis.xPendingRange(COMMANDS, SYSTEM, "-", "+", 1, options));
  if (left.length === 0) await answered(redis.xGroupDelConsumer(COMMANDS, SYSTEM, CONSUMER));
} catch (error) {
  log(`left without a word: ${error}`);
}
process.exit(0);
