import assert from "node:assert/strict";
import { explainDenial } from "./denial.ts";

const NEVER = "the server never has this permission; let another service do it, as a remote step";

for (
  const [denial, explained] of [
    [
      'Requires net access to "example.org:443", run again with the --allow-net flag',
      'Requires net access to "example.org:443": add "example.org:443" to TASKER_ALLOW_NET and start the server again',
    ],
    [
      'cannot pay: Requires env access to "PAY_KEY", run again with the --allow-env flag',
      'cannot pay: Requires env access to "PAY_KEY": add "PAY_KEY" to TASKER_ALLOW_ENV and start the server again',
    ],
    [
      "Requires env access, run again with the --allow-env flag",
      "Requires env access: add what it needs to TASKER_ALLOW_ENV and start the server again",
    ],
    [
      'Requires read access to "/srv/rates.csv", run again with the --allow-read flag',
      'Requires read access to "/srv/rates.csv": add "/srv/rates.csv" to TASKER_ALLOW_READ and start the server again',
    ],
    [
      'Requires write access to "/srv/a", run again with the --allow-write flag',
      `Requires write access to "/srv/a": ${NEVER}`,
    ],
    [
      'Requires run access to "ls", run again with the --allow-run flag',
      `Requires run access to "ls": ${NEVER}`,
    ],
    [
      "getaddrinfo EPERM db.example.org",
      'getaddrinfo EPERM db.example.org: add "db.example.org" to TASKER_ALLOW_NET and start the server again',
    ],
    ["card refused", "card refused"],
  ] as const
) {
  Deno.test(`explainDenial() of "${denial}"`, () => {
    assert.equal(explainDenial(denial), explained);
  });
}

Deno.test("explainDenial() knows the words of this Deno", {
  permissions: { net: false, env: false, read: false },
}, () => {
  for (
    const [name, denied] of [
      ["TASKER_ALLOW_NET", () => Deno.listen({ port: 1 })],
      ["TASKER_ALLOW_ENV", () => Deno.env.get("PAY_KEY")],
      ["TASKER_ALLOW_READ", () => Deno.readTextFileSync("rates.csv")],
    ] as const
  ) {
    assert.throws(denied, (error: Error) => explainDenial(error.message).includes(name));
  }
});
