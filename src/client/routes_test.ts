import { equal } from "node:assert/strict";
import { routesText } from "./write_routes.ts";

Deno.test("routes.ts is what write_routes.ts writes", async () => {
  const written = await Deno.readTextFile(new URL("routes.ts", import.meta.url));

  equal(written, routesText(), "run deno run --allow-write=src/client src/client/write_routes.ts");
});
