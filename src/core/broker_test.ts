import { deepEqual, equal } from "node:assert/strict";
import { addressOf, BROKER_KINDS, brokerOf, BROKERS, serversOf } from "./broker.ts";

const addressesOf = (url: string) => serversOf(url)?.map(addressOf);

Deno.test("brokerOf() finds every broker by each of its protocols, and by no other's", () => {
  const protocols = BROKER_KINDS.flatMap((kind) => Object.keys(BROKERS[kind].ports));

  equal(new Set(protocols).size, protocols.length);
  for (const kind of BROKER_KINDS) {
    for (const protocol of Object.keys(BROKERS[kind].ports)) {
      equal(brokerOf(`${protocol}//host`), kind);
    }
  }
  equal(brokerOf("postgres://host"), undefined);
  equal(brokerOf("host:6379"), undefined);
});

Deno.test("serversOf() makes one URL of each server in a list, and keeps what they share", () => {
  const servers = serversOf("nats://me:a%2Cb@one:1,two,[::1]:3/path?x=1")?.map(({ href }) => href);

  deepEqual(servers, [
    "nats://me:a%2Cb@one:1/path?x=1",
    "nats://me:a%2Cb@two/path?x=1",
    "nats://me:a%2Cb@[::1]:3/path?x=1",
  ]);
});

Deno.test("addressOf() gives the broker's port where the URL has none", () => {
  deepEqual(addressesOf("redis://cache"), ["cache:6379"]);
  deepEqual(addressesOf("kafka://a,b:1"), ["a:9092", "b:1"]);
  deepEqual(addressesOf("amqps://[::1]/vhost"), ["[::1]:5671"]);
});

Deno.test("serversOf() refuses what names no server", () => {
  for (const url of ["kafka://", "kafka://a,,b", "kafka://a:x", "nats:host", "cache:6379", ""]) {
    equal(serversOf(url), undefined, url);
  }
});
