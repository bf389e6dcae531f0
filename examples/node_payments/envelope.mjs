/** Envelopes: CloudEvents 1.0 in JSON, and the few attributes that Tasker adds. */

export const SYSTEM = "node_payments";

/** Replies say them as their command did. */
const COPIED = ["subject", "correlationid", "traceparent", "taskerattempt", "taskerreplytoken"];

/** Returns the envelope that a body is, or undefined when nobody can use it. */
export function parse(body) {
  try {
    const envelope = JSON.parse(body);
    const needed = ["id", "type"];
    if (envelope.taskerreplytoken !== undefined) needed.push("subject", "taskerreplyto");
    return needed.every((name) => typeof envelope[name] === "string") ? envelope : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns how long the answer of a command, that has waited for `ageMs`, is still wanted. Both times
 * are the engine's: a worker whose clock is wrong would drop what is wanted.
 */
export function millisecondsLeft({ time, expirytime }, ageMs) {
  if (time === undefined || expirytime === undefined) return Infinity;
  return Date.parse(expirytime) - Date.parse(time) - ageMs;
}

/** Makes a reply. Made again it has the same id, so that a repeat is known as one. */
export function reply(command, kind, data) {
  const copied = COPIED.filter((name) => name in command).map((name) => [name, command[name]]);
  return {
    specversion: "1.0",
    id: `${command.id}:${kind}`,
    source: `/${SYSTEM}`,
    type: `tasker.step.${kind}`,
    time: new Date().toISOString(),
    causationid: command.id,
    datacontenttype: "application/json",
    ...Object.fromEntries(copied),
    data,
  };
}

/** Makes the reply of a failure; only a retryable one is tried again. */
export function failure(command, code, message, { retryable = false } = {}) {
  return reply(command, "failed", { error_code: code, error_message: message, retryable });
}

/** Logs what happens, for people. */
export function log(text) {
  console.error(`${SYSTEM}: ${text}`);
}
