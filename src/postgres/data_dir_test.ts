import { equal, rejects } from "node:assert/strict";
import { openHome } from "./data_dir.ts";

/** Any uid but root's. */
const OTHER = 65_534;

/** These laws are about root: no other user can give folders away. */
const ignore = Deno.uid() !== 0;

interface Folders {
  readonly dataDir: string;
  /** A folder of root's that must stay so. */
  readonly target: string;
}

async function withFolders(use: (folders: Folders) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "tasker-test-" });
  await Deno.chmod(root, 0o755);
  const folders = { dataDir: `${root}/data`, target: `${root}/target` };
  await Deno.mkdir(folders.dataDir);
  await Deno.mkdir(folders.target);
  try {
    await use(folders);
    equal((await Deno.stat(folders.target)).uid, 0);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function refuses({ dataDir }: Folders, why: RegExp): Promise<void> {
  const opened = openHome({ dataDir, onLine: () => {} });
  await rejects(opened, (error: Error) => why.test(error.message));
}

for (
  const [what, make] of [
    ["a link", (path: string) => Deno.symlink(`${path}.elsewhere`, path)],
    ["another user's", (path: string) => Deno.chown(path, OTHER, OTHER)],
    ["open to others", (path: string) => Deno.chmod(path, 0o666)],
  ] as const
) {
  Deno.test({ name: `root trusts no postgres.location that is ${what}`, ignore }, async () => {
    await withFolders(async (folders) => {
      const location = `${folders.dataDir}/postgres.location`;
      const written = what === "a link" ? `${location}.elsewhere` : location;
      await Deno.writeTextFile(written, folders.target, { mode: 0o600 });
      await make(location);

      await refuses(folders, /Cannot trust/);
    });
  });
}

Deno.test({ name: "root follows no link in place of the Postgres folder", ignore }, async () => {
  await withFolders(async (folders) => {
    await Deno.symlink(folders.target, `${folders.dataDir}/postgres`);

    await refuses(folders, /it is a link/);
  });
});
