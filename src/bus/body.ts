/** Body: what travels of an envelope, as text that every backend carries unchanged. */

import {
  BINARY_MODE,
  type Envelope,
  ENVELOPE_BYTES_MAX,
  isEnvelopeTooLarge,
} from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";

/** What a body is, for brokers that carry headers. */
export const BODY_MEDIA_TYPE = "application/cloudevents+json";

/** Characters of bodies that go to a broker at once: what a slow one still takes in its deadline. */
const BATCH_LENGTH_MAX = 1_000_000;

/**
 * Returns the bodies of envelopes, in their order: JSON without a raw control character.
 *
 * @throws {TaskerError} payload.too_large when one has more than ENVELOPE_BYTES_MAX bytes
 */
export function bodiesOf(envelopes: readonly Envelope[]): readonly string[] {
  return envelopes.map((envelope) => {
    const body = JSON.stringify(envelope);
    if (isEnvelopeTooLarge(body)) {
      throw new TaskerError(
        "payload.too_large",
        `Cannot publish envelope "${envelope.id}": it has more than ${ENVELOPE_BYTES_MAX} bytes`,
      );
    }
    return body;
  });
}

/**
 * Returns the body that a handler gets. An envelope in binary mode has its attributes in headers: it
 * becomes one object of both, so that its refusal names that, and its dead letter shows all of it.
 */
export function bodyWith(headers: ReadonlyMap<string, unknown>, body: string): string {
  if (![...headers.keys()].some((name) => BINARY_MODE.test(name))) return body;
  return JSON.stringify({ ...Object.fromEntries(headers), data: body });
}

/** Cuts bodies into batches that a broker takes one after the other; most often one. */
export function batchesOf(bodies: readonly string[]): readonly (readonly string[])[] {
  const batches: string[][] = [];
  let length = BATCH_LENGTH_MAX;
  for (const body of bodies) {
    length += body.length;
    if (length > BATCH_LENGTH_MAX) {
      batches.push([]);
      length = body.length;
    }
    batches.at(-1)?.push(body);
  }
  return batches;
}
