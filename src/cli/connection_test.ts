import { deepEqual } from "node:assert/strict";
import { type ConnectionOptions, findConnection } from "./connection.ts";

function find(env: ConnectionOptions["env"], files: Record<string, string> = {}) {
  return findConnection({
    env,
    readFile: (path) => {
      if (files[path] === "locked") return Promise.reject(new Error("permission denied"));
      return Promise.resolve(files[path]);
    },
  });
}

const FILES = { ".tasker/address": "http://127.0.0.1:8080\n", ".tasker/admin.key": "tasker_1\n" };

Deno.test("address and key come from the files that a server leaves", async () => {
  const found = {
    url: { value: "http://127.0.0.1:8080", from: ".tasker/address" },
    key: { value: "tasker_1", from: ".tasker/admin.key" },
  };

  deepEqual(await find({}, FILES), found);
  deepEqual(await find({ TASKER_URL: "", TASKER_KEY: "", TASKER_DATA: "" }, FILES), found);
});

Deno.test("TASKER_DATA names another folder", async () => {
  const { url } = await find({ TASKER_DATA: "/data" }, { "/data/address": "http://localhost:1" });

  deepEqual(url, { value: "http://localhost:1", from: "/data/address" });
});

Deno.test("TASKER_URL and TASKER_KEY win over files", async () => {
  deepEqual(await find({ TASKER_URL: "https://tasker.example", TASKER_KEY: "k" }, FILES), {
    url: { value: "https://tasker.example", from: "TASKER_URL" },
    key: { value: "k", from: "TASKER_KEY" },
  });
});

Deno.test("the key in the file is sent to loopback addresses, and to no other host", async () => {
  const missing = "TASKER_KEY is not set, and .tasker/admin.key is not sent to other hosts";

  for (const TASKER_URL of ["http://127.0.0.2:1", "http://localhost:1", "http://[::1]:1"]) {
    deepEqual((await find({ TASKER_URL }, FILES)).key, {
      value: "tasker_1",
      from: ".tasker/admin.key",
    });
  }
  for (const TASKER_URL of ["http://127.0.0.1.example.com", "https://localhost@example.com"]) {
    deepEqual((await find({ TASKER_URL }, FILES)).key, { missing });
  }
});

Deno.test("a missing address or key says where it was looked for", async () => {
  deepEqual(await find({}), {
    url: { missing: "TASKER_URL is not set, and there is no file .tasker/address" },
    key: { missing: "TASKER_KEY is not set, and there is no file .tasker/admin.key" },
  });
  deepEqual(await find({}, { ".tasker/address": " ", ".tasker/admin.key": "locked" }), {
    url: { missing: "TASKER_URL is not set, and .tasker/address is empty" },
    key: {
      missing: "TASKER_KEY is not set, and .tasker/admin.key cannot be read: permission denied",
    },
  });
  deepEqual((await find({ TASKER_URL: "localhost:8080" })).url, {
    missing: "TASKER_URL is not a URL such as http://127.0.0.1:8080",
  });
});

Deno.test("a key that no header can carry is refused without showing it", async () => {
  const { key } = await find({ TASKER_KEY: "tasker_a\nb" }, FILES);

  deepEqual(key, {
    missing: "TASKER_KEY has a space, a line break or a character that is not ASCII",
  });
});
