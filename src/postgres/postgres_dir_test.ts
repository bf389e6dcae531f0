import { deepEqual, equal, rejects } from "node:assert/strict";
import { markHung, Notice, takeNodeLock } from "../server/node_lock.ts";
import type { Incarnation } from "../core/ids.ts";
import { inTurn, join } from "./lock.ts";
import { writeOwnFile } from "./own_file.ts";
import { openPostgresDir } from "./postgres_dir.ts";

/** The uid that Postgres of root runs as. */
const NOBODY = 65_534;

/** These laws are about root: no other user can give folders away. */
const ignore = Deno.uid() !== 0;

interface Folders {
  readonly dataDir: string;
  /** A folder of root's with a file in it; both must stay as they are. */
  readonly target: string;
}

async function withFolders(use: (folders: Folders) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "tasker-test-" });
  await Deno.chmod(root, 0o755);
  const folders = { dataDir: `${root}/data`, target: `${root}/target` };
  await Deno.mkdir(folders.dataDir);
  await Deno.mkdir(folders.target);
  await Deno.writeTextFile(`${folders.target}/secret`, "root's own", { mode: 0o600 });
  try {
    await use(folders);
    const [folder, file] = await Promise.all([
      Deno.stat(folders.target),
      Deno.stat(`${folders.target}/secret`),
    ]);
    deepEqual([folder.uid, file.uid, (file.mode ?? 0) & 0o777], [0, 0, 0o600]);
    equal(await Deno.readTextFile(`${folders.target}/secret`), "root's own");
    deepEqual((await Array.fromAsync(Deno.readDir(folders.target))).length, 1);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function refuses({ dataDir }: Folders, why: RegExp): Promise<void> {
  const opened = openPostgresDir({ dataDir, onLine: () => {} });
  await rejects(opened, (error: Error) => why.test(error.message));
}

/** A folder as earlier versions made it: all of it is of the account that Postgres runs as. */
async function makeOldFolder(dataDir: string): Promise<string> {
  const path = `${dataDir}/postgres`;
  await Deno.mkdir(`${path}/data`, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(`${path}/password`, "secret", { mode: 0o600 });
  for (const name of ["", "/data", "/password"]) await Deno.chown(path + name, NOBODY, NOBODY);
  return path;
}

async function runAsNobody(program: string, ...args: string[]): Promise<boolean> {
  const ids = { uid: NOBODY, gid: NOBODY };
  const command = new Deno.Command(program, { args, cwd: "/", stderr: "null", ...ids });
  return (await command.output()).success;
}

for (
  const [what, make] of [
    ["a link", (path: string) => Deno.symlink(`${path}.elsewhere`, path)],
    ["another user's", (path: string) => Deno.chown(path, NOBODY, NOBODY)],
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

Deno.test({ name: "root gives away only the data in its Postgres folder", ignore }, async () => {
  await withFolders(async ({ dataDir }) => {
    const path = await makeOldFolder(dataDir);

    const { account } = await openPostgresDir({ dataDir, onLine: () => {} });

    deepEqual(account, { uid: NOBODY, gid: NOBODY });
    const { uid, gid, mode } = await Deno.stat(path);
    deepEqual([uid, gid, (mode ?? 0) & 0o777], [0, 0, 0o711]);
    equal((await Deno.stat(`${path}/data`)).uid, NOBODY);
    equal(await Deno.readTextFile(`${path}/password`), "secret");
    equal(await runAsNobody("ln", "-s", "/etc/passwd", `${path}/fetch.lock`), false);
    equal(await runAsNobody("rm", `${path}/password`), false);
    equal(await runAsNobody("touch", `${path}/data/PG_VERSION`), true);
  });
});

for (const name of ["password", "pg_hba.conf", "postgres.log", "fetch.lock", "data"]) {
  Deno.test(
    { name: `root follows no link that Postgres' uid has put at ${name}`, ignore },
    async () => {
      await withFolders(async (folders) => {
        const path = await makeOldFolder(folders.dataDir);
        const target = name === "data" ? folders.target : `${folders.target}/secret`;
        await Deno.remove(`${path}/${name}`, { recursive: true }).catch(() => {});
        equal(await runAsNobody("ln", "-s", target, `${path}/${name}`), true);

        await refuses(folders, new RegExp(`Cannot trust ".*${name}"`));
      });
    },
  );
}

Deno.test({ name: "root keeps no Postgres where its uid may rename it", ignore }, async () => {
  await withFolders(async (folders) => {
    await Deno.chmod(folders.dataDir, 0o777);
    await refuses(folders, /may rename/);

    await Deno.chmod(folders.dataDir, 0o755);
    await Deno.chown(folders.dataDir, NOBODY, NOBODY);
    await refuses(folders, /may rename/);
  });
});

Deno.test({ name: "root starts no Postgres of another user", ignore }, async () => {
  await withFolders(async (folders) => {
    await Deno.mkdir(`${folders.dataDir}/postgres`);
    await Deno.chown(`${folders.dataDir}/postgres`, 12_345, 12_345);

    await refuses(folders, /belongs to uid 12345.*start as that user/);
  });
});

const nothing = () => Promise.resolve();
const WRITERS: Readonly<Record<string, (dataDir: string) => Promise<unknown>>> = {
  "postgres.lock": (dataDir) => inTurn({ dataDir, onLine: () => {}, work: nothing }),
  "postgres.users": join,
  "node-1.lock": takeNodeLock,
  "node-1.beats": takeNodeLock,
  "address": (dataDir) => Notice.post(`${dataDir}/address`, "line"),
  "server.pid": (dataDir) => Notice.post(`${dataDir}/server.pid`, "line"),
};

for (const [name, write] of Object.entries(WRITERS)) {
  for (const link of [Deno.symlink, Deno.link]) {
    Deno.test(`nothing is written through a ${link.name} at ${name}`, async () => {
      await withFolders(async ({ dataDir, target }) => {
        await link(`${target}/secret`, `${dataDir}/${name}`);

        await rejects(write(dataDir), { code: "config.invalid" });
      });
    });
  }

  Deno.test(`nothing is made through a link to nothing at ${name}`, async () => {
    await withFolders(async ({ dataDir, target }) => {
      await Deno.symlink(`${target}/new`, `${dataDir}/${name}`);

      await rejects(write(dataDir), { code: "config.invalid" });
    });
  });
}

Deno.test("a server that serves on says where it listens, after a newer one has ended", async () => {
  await withFolders(async ({ dataDir }) => {
    const path = `${dataDir}/address`;
    const read = () => Deno.readTextFile(path);
    using older = await Notice.post(path, "older");
    const newer = await Notice.post(path, "newer and longer");
    older.renew();
    equal(await read(), "newer and longer\n");

    newer[Symbol.dispose]();
    equal(await read(), "");
    older.renew();

    equal(await read(), "older\n");
  });
});

Deno.test("a secret takes the place of a link, and leaves alone where it leads", async () => {
  await withFolders(async ({ dataDir, target }) => {
    await Deno.symlink(`${target}/secret`, `${dataDir}/admin.key`);

    await writeOwnFile(`${dataDir}/admin.key`, "key");

    equal(await Deno.readTextFile(`${dataDir}/admin.key`), "key");
  });
});

Deno.test("a server that hung is marked through no link", async () => {
  await withFolders(async ({ dataDir, target }) => {
    using lock = await takeNodeLock(dataDir);
    lock.write("incarnation" as Incarnation);
    await Deno.writeTextFile(`${target}/secret`, "root's own");
    await Deno.remove(`${dataDir}/node-1.beats`);
    await Deno.symlink(`${target}/secret`, `${dataDir}/node-1.beats`);

    await markHung(dataDir, Deno.pid);
  });
});
