import { deepEqual, equal, ok } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { readConfig } from "./config.ts";
import type { Environment } from "./config_reader.ts";

/** The fault codes by name of variable. */
function codes(env: Environment): Record<string, string> {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof TaskerError) {
      return Object.fromEntries(error.faults.map((fault) => [fault.path, fault.code]));
    }
  }
  throw new Error("readConfig() accepted what it must refuse");
}

Deno.test("readConfig() refuses an address other than loopback unless TLS is in front", () => {
  for (const TASKER_HOST of ["0.0.0.0", "::", "10.0.0.7", "example.com", "127.0.0.1.example.com"]) {
    deepEqual(codes({ TASKER_HOST }), { TASKER_HOST: "not_loopback" });
    equal(readConfig({ TASKER_HOST, TASKER_BEHIND_TLS: "1" }).host, TASKER_HOST);
  }
  for (const TASKER_HOST of ["localhost", "127.0.0.2", "::1", "[::1]"]) {
    ok(readConfig({ TASKER_HOST }));
  }
});

Deno.test("readConfig() refuses what is no port", () => {
  for (const TASKER_PORT of ["-1", "65536", "80a", "8e2", "1.5", "000080"]) {
    deepEqual(codes({ TASKER_PORT }), { TASKER_PORT: "not_a_port" });
  }
});

Deno.test("readConfig() refuses limits of connections that would let nobody in", () => {
  for (const TASKER_CONNECTIONS_MAX of ["0", "-1", "many", "1e3", "10000000"]) {
    deepEqual(codes({ TASKER_CONNECTIONS_MAX }), { TASKER_CONNECTIONS_MAX: "not_a_count" });
  }
  for (const name of ["TASKER_HEAD_TIMEOUT", "TASKER_IDLE_TIMEOUT"]) {
    deepEqual(codes({ [name]: "0s" }), { [name]: "too_short" });
    deepEqual(codes({ [name]: "10" }), { [name]: "not_a_duration" });
  }
});

Deno.test("readConfig() refuses a TASKER_TRACE_URL that names no trace, or no page", () => {
  const codeOf = (url: string) => codes({ TASKER_TRACE_URL: url }).TASKER_TRACE_URL;

  equal(codeOf("https://traces.company.com/"), "not_a_template");
  equal(codeOf("javascript:alert('{traceId}')"), "not_a_template");
  equal(codeOf("traces/{traceId}"), "not_a_template");
  const url = "https://traces.company.com/{traceId}?from=tasker";
  equal(readConfig({ TASKER_TRACE_URL: url }).traceUrl, url);
});

Deno.test("readConfig() takes a provider with its roles or none, at an address that may be called", () => {
  const whole = {
    TASKER_EGRESS: "id.company.com,127.0.0.1",
    TASKER_OIDC_ISSUER: "https://id.company.com",
    TASKER_OIDC_CLIENT_ID: "tasker",
    TASKER_OIDC_ROLES: "ops=operator",
  };
  const codesWith = (more: Environment) => codes({ ...whole, ...more });

  deepEqual(readConfig(whole).oidc?.hasSecret, false);
  deepEqual(codesWith({ TASKER_OIDC_ROLES: "" }), { TASKER_OIDC_ROLES: "incomplete" });
  deepEqual(codesWith({ TASKER_OIDC_ROLES: "ops=boss" }), { TASKER_OIDC_ROLES: "not_a_role" });
  deepEqual(codesWith({ TASKER_EGRESS: "" }), { TASKER_OIDC_ISSUER: "not_allowed" });
  deepEqual(codesWith({ TASKER_OIDC_ISSUER: "http://id.company.com" }), {
    TASKER_OIDC_ISSUER: "not_secure",
  });
  ok(readConfig({ ...whole, TASKER_OIDC_ISSUER: "http://127.0.0.1:9" }).oidc);
});
