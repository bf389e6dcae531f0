/** The laws of the Deployments port, for every implementation of it. */

import assert from "node:assert/strict";
import type { NewDeployment } from "../../src/core/deployment.ts";
import { codeOf } from "../../src/journal/sqlstate.ts";
import type { Law } from "./journal_suite.ts";

/** A version of `shop/pay` that comes as a document. */
function newVersion(
  version: string,
  after: number,
  more: Partial<NewDeployment> = {},
): NewDeployment {
  const of = { namespace: "shop", name: more.name ?? "pay", version };
  const definition = { ...of, failurePolicy: "continue_independent", steps: [] } as const;
  const document = { text: `version: ${version}`, definition };
  return { ...of, hash: `h${version}`, by: "ada", reason: "r", after, document, ...more };
}

function backTo(version: string, after: number): NewDeployment {
  const { document: _, ...revert } = newVersion(version, after);
  return revert;
}

const PAY = { namespace: "shop", name: "pay" };

/** Registers the laws. */
export function testDeployments(law: Law): void {
  testAdding(law);
  testRefusing(law);
  testReading(law);
}

function testAdding(law: Law): void {
  law("add() stores a document with who deployed it and why, and its definition", async (of) => {
    const { deployments, definitions } = of;

    const entry = await deployments.add(newVersion("1.0.0", 0));

    const { atMs = 0, ...rest } = entry ?? {};
    assert.deepEqual(rest, {
      ...{ ...PAY, entry: 1, kind: "deploy", version: "1.0.0", hash: "h1.0.0" },
      ...{ by: "ada", reason: "r" },
    });
    assert.deepEqual(await deployments.entries(PAY, { limit: 100 }), [{ ...rest, atMs }]);
    const document = await deployments.document(PAY, "1.0.0");
    assert.deepEqual(document, { ...rest, atMs, text: "version: 1.0.0" });
    assert.equal(await deployments.document(PAY, "1.0.1"), undefined);
    assert.deepEqual(await deployments.versions(PAY), [{ version: "1.0.0", hash: "h1.0.0" }]);
    assert.equal((await definitions.get("h1.0.0"))?.name, "pay");
  });

  law("add() adds nothing at all after an entry that the caller did not know", async (of) => {
    const { deployments, definitions } = of;
    await deployments.add(newVersion("1.0.0", 0));

    const lost = await deployments.add(newVersion("1.1.0", 0));

    assert.equal(lost, undefined);
    assert.equal((await deployments.entries(PAY, { limit: 100 })).length, 1);
    assert.equal(await definitions.get("h1.1.0"), undefined);
    assert.deepEqual(await deployments.versions(PAY), [{ version: "1.0.0", hash: "h1.0.0" }]);
  });
}

function testRefusing(law: Law): void {
  law("of deployments at the same time one is added", async (of) => {
    const { deployments } = of;
    const versions = Array.from({ length: 20 }, (_, minor) => `1.${minor}.0`);

    const added = await Promise.all(versions.map((one) => deployments.add(newVersion(one, 0))));

    assert.equal(added.filter((entry) => entry !== undefined).length, 1);
    assert.equal((await deployments.versions(PAY)).length, 1);
  });

  law("add() refuses a version that stands for another hash, and adds nothing", async (of) => {
    const { deployments, definitions } = of;
    const { hash, document } = newVersion("1.0.0", 0);
    if (document !== undefined) await definitions.put(hash, document.definition);

    const refused = deployments.add(newVersion("1.0.0", 0, { hash: "other" }));

    await assert.rejects(refused, (error) => codeOf(error) === "definition.changed");
    assert.deepEqual(await deployments.entries(PAY, { limit: 100 }), []);
    assert.equal(await definitions.get("other"), undefined);
  });
}

function testReading(law: Law): void {
  law(
    "newest() names the version of the newest entry, with its text, after a number",
    async (of) => {
      const { deployments } = of;
      await deployments.add(newVersion("1.0.0", 0));
      await deployments.add(newVersion("1.0.0", 0, { name: "refund", hash: "r1" }));
      await deployments.add(newVersion("2.0.0", 1));
      const [, paid] = await deployments.newest(0);

      await deployments.add(backTo("1.0.0", 2));

      const shown = (await deployments.newest(0)).map(({ name, entry, version, text }) => [
        name,
        entry,
        version,
        text,
      ]);
      assert.deepEqual(shown, [
        ["refund", 1, "1.0.0", "version: 1.0.0"],
        ["pay", 3, "1.0.0", "version: 1.0.0"],
      ]);
      const later = await deployments.newest(paid?.number ?? 0);
      assert.deepEqual(later.map(({ entry }) => entry), [3]);
      assert.deepEqual(
        (await deployments.entries(PAY, { limit: 100 })).map((
          { kind, version },
        ) => [kind, version]),
        [["revert", "1.0.0"], ["deploy", "2.0.0"], ["deploy", "1.0.0"]],
      );
    },
  );

  law("entries() reads a long history in pages, and newest() all workflows", async (of) => {
    const { deployments } = of;
    for (let entry = 0; entry < 105; entry++) {
      await deployments.add(newVersion(`1.${entry}.0`, entry));
    }
    await Promise.all(
      Array.from(
        { length: 20 },
        (_, number) =>
          deployments.add(newVersion("1.0.0", 0, { name: `n${number}`, hash: `n${number}` })),
      ),
    );

    const page = await deployments.entries(PAY, { limit: 100 });
    const rest = await deployments.entries(PAY, { limit: 100, before: page.at(-1)?.entry ?? 0 });

    assert.deepEqual([page.length, rest.length], [100, 5]);
    assert.equal((await deployments.newest(0)).length, 21);
  });
}
