import { equal, rejects, throws } from "node:assert/strict";
import { UsageError } from "./verb.ts";
import { fileText, writeFile } from "./main.ts";

Deno.test("a file is read with or without a byte order mark, and refused as Latin-1", () => {
  const bytes = new TextEncoder().encode('{"city":"Köln"}');
  const marked = new Uint8Array([0xef, 0xbb, 0xbf, ...bytes]);
  const latin1 = Uint8Array.from('{"city":"Köln"}', (letter) => letter.charCodeAt(0));

  equal(fileText("o.json", bytes), '{"city":"Köln"}');
  equal(fileText("o.json", marked), '{"city":"Köln"}');
  throws(() => fileText("o.json", latin1), UsageError);
});

Deno.test("a file is written once, and refused by name where its folder is missing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    equal(await writeFile(`${folder}/a.yaml`, "first"), true);
    equal(await writeFile(`${folder}/a.yaml`, "second"), false);
    equal(await Deno.readTextFile(`${folder}/a.yaml`), "first");

    for (const missing of [`${folder}/flows`, `${folder}/a.yaml`]) {
      await rejects(
        writeFile(`${missing}/b.yaml`, ""),
        new UsageError(
          `Cannot write "${missing}/b.yaml": there is no folder "${missing}"; ` +
            "make the folder, or choose another path",
        ),
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file that the system refuses is named with the reason, and is no bug", async () => {
  await rejects(
    writeFile(`/tmp/${"a".repeat(300)}.yaml`, ""),
    (error) =>
      error instanceof UsageError && /the system says "File name too long"/.test(error.message),
  );
});

Deno.test("a file is changed only while it is as it was read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/a.yaml`;
    await writeFile(path, "first");

    equal(await writeFile(path, "second", "first"), true);
    equal(await writeFile(path, "third", "first"), false);

    equal(await Deno.readTextFile(path), "second");
    equal([...Deno.readDirSync(folder)].length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
