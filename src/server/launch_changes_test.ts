import assert from "node:assert/strict";
import { Changes } from "./launch_changes.ts";

Deno.test("a folder that takes the place of the watched one is watched", async () => {
  const parent = await Deno.makeTempDir();
  const folder = `${parent}/workflows`;
  await Deno.mkdir(folder);
  using changes = new Changes(folder);

  await Deno.rename(folder, `${parent}/old`);
  await Deno.mkdir(folder);
  assert.equal(await changes.next(), "changed");

  const next = changes.next();
  await Deno.writeTextFile(`${folder}/hello.ts`, "");
  assert.equal(await next, "changed");
  await Deno.remove(parent, { recursive: true });
});
