/** Names: what namespaces, workflows, steps, systems, envelope types and versions may look like. */

import { TASK_START } from "../core/envelope.ts";
import { Name, NAME_FORM, Version } from "../core/fields.ts";
import { type Faults, type Place } from "./fault.ts";

const EVENT = /^(?=.{1,128}$)[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** The prefix of envelope types that mean something to Tasker itself. */
const RESERVED = TASK_START.slice(0, TASK_START.indexOf(".") + 1);

/** Adds a fault unless it is a name. */
export function checkName(faults: Faults, place: Place, name: unknown): void {
  if (Name.safeParse(name).success) return;
  faults.add(place, "bad_name", `${show(name)} is no name, expected ${NAME_FORM}`);
}

/** Adds a fault unless it is an envelope type that a step may have. */
export function checkEvent(faults: Faults, place: Place, event: unknown): void {
  if (typeof event !== "string" || !EVENT.test(event)) {
    faults.add(
      place,
      "bad_event",
      `${show(event)} is no envelope type, expected names joined by dots, such as "stock.check"`,
    );
  } else if (event.startsWith(RESERVED)) {
    faults.add(place, "bad_event", `${show(event)} is reserved: types "${RESERVED}…" are Tasker's`);
  }
}

/** Adds a fault unless it is a version. */
export function checkVersion(faults: Faults, place: Place, version: unknown): void {
  if (Version.safeParse(version).success) return;
  faults.add(place, "bad_version", `${show(version)} is no version, expected such as "1.0.0"`);
}

/** A value as it stands in an error's text. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
