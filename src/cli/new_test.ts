import { deepEqual, equal, rejects } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { writeStarter } from "./new.ts";

const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** Runs with a folder that is gone afterwards. */
async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("writeStarter() writes a formatted workflow whose test passes", () =>
  inFolder(async (folder) => {
    const paths = await writeStarter("ship_order", folder);

    deepEqual(paths, [`${folder}/ship_order.ts`, `${folder}/ship_order_test.ts`]);
    for (const verb of [["fmt", "--check"], ["lint"], ["test", "--no-lock"]]) {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [...verb, "--config", CONFIG, ...paths],
      }).output();
      equal(code, 0, new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout));
    }
  }));

Deno.test("writeStarter() refuses to overwrite, and then writes nothing", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/ship_order_test.ts`, "mine");

    await rejects(writeStarter("ship_order", folder), /ship_order_test\.ts": it exists/);

    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    deepEqual(names, ["ship_order_test.ts"]);
    equal(await Deno.readTextFile(`${folder}/ship_order_test.ts`), "mine");
  }));

Deno.test("writeStarter() refuses what is no name", () =>
  inFolder(async (folder) => {
    for (
      const name of ["", "Ship", "../up", "a b", "_hidden", "1st", "ship_test", "a".repeat(65)]
    ) {
      await rejects(writeStarter(name, folder), RangeError, name);
    }
    deepEqual([...Deno.readDirSync(folder)], []);
  }));
