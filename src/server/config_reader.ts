/** Reads environment variables one at a time, and collects what is wrong with them. */

import { DURATION_FORMS, parseDuration } from "../core/duration.ts";
import type { Fault } from "../core/errors.ts";

/** The environment, as `Deno.env.toObject()` gives it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads single variables and collects what is wrong with them. An empty value is not set. */
export class ConfigReader<ConfigName extends string> {
  readonly faults: Fault[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  text(name: ConfigName): string | undefined {
    const text = this.#env[name]?.trim();
    return text === "" ? undefined : text;
  }

  list(name: ConfigName): readonly string[] {
    return listOf(this.#env[name]);
  }

  choice<T extends string>(name: ConfigName, choices: readonly T[]): T | undefined {
    const text = this.text(name);
    const choice = choices.find((one) => one === text);
    if (text !== undefined && choice === undefined) {
      this.fault(name, "not_a_choice", `${quote(text)} is none of ${choices.join(", ")}`);
    }
    return choice;
  }

  flag(name: ConfigName): boolean {
    const text = this.text(name);
    if (text !== undefined && text !== "0" && text !== "1") {
      this.fault(name, "not_a_flag", `${quote(text)} is neither 1 nor 0`);
    }
    return text === "1";
  }

  duration(name: ConfigName): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const ms = parseDuration(text);
    if (ms === undefined) {
      this.fault(
        name,
        "not_a_duration",
        `${quote(text)} is not a duration such as ${DURATION_FORMS}`,
      );
    }
    return ms;
  }

  /** The value of a URL stays out of the fault: it may hold a password. */
  url(name: ConfigName, protocols: readonly string[]): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const url = URL.parse(text);
    if (url === null) {
      this.fault(name, "not_a_url", `is not a URL, expected ${protocols[0]}//host:port/…`);
    } else if (!protocols.includes(url.protocol)) {
      this.fault(name, "wrong_protocol", `does not start with ${protocols[0]}//`);
    } else if (url.hostname === "") {
      this.fault(name, "no_host", `names no host, expected ${protocols[0]}//host:port/…`);
    }
    return text;
  }

  fault(path: string, code: string, detail: string): void {
    this.faults.push({ path, code, detail });
  }
}

/** Shows a value in a fault. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

/** The values between the commas of a variable. */
export function listOf(text: string | undefined): readonly string[] {
  return (text ?? "").split(",").map((part) => part.trim()).filter((part) => part !== "");
}
