import assert from "node:assert/strict";
import { type Address, addressRefusal, parseAddress, parseRange, type Range } from "./address.ts";

function addressOf(text: string): Address {
  const address = parseAddress(text);
  assert.ok(address, text);
  return address;
}

const NOT_PUBLIC = `0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200
  100.127.255.255 127.0.0.1 127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 172.16.0.0
  172.31.255.255 192.0.0.0 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0
  198.19.255.255 198.51.100.7 203.0.113.255 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
  :: ::1 ::2 ::127.0.0.1 ::ffff:0:127.0.0.1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe 64:ff9b::10.0.0.1
  64:ff9b::169.254.169.254 64:ff9b:1::1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1
  2001:20::1 2001:db8::1 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 2002:7f00:1:: 2002:a00:1::1
  2002:c0a8:101::1 2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:127.0.0.1 3fff::1 5f00::1 4000::1
  fc00::1 fd00:ec2::254 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fe80::1 febf::1 fec0::1 ff02::1
  ff0e::1`.split(/\s+/);

const PUBLIC = `1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255
  128.0.0.0 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0
  192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255
  198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 2000::1
  2001:200::1 2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001:80b::200e 2003::1
  ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1 3ffe::1 2606:4700::5efe:8.8.8.8`.split(/\s+/);

Deno.test("addressRefusal() refuses every kind of address that is not public", () => {
  for (const text of NOT_PUBLIC) {
    assert.notEqual(addressRefusal(addressOf(text), []), undefined, text);
  }
});

Deno.test("addressRefusal() lets public addresses pass, up to the edges of what is not public", () => {
  for (const text of PUBLIC) assert.equal(addressRefusal(addressOf(text), []), undefined, text);
});

Deno.test("addressRefusal() lets an address pass that is in a listed range, in every form", () => {
  const allowed = [parseRange("10.2.0.0/16") as Range, parseRange("fd12::/16") as Range];
  for (const text of ["10.2.0.0", "10.2.255.255", "::ffff:10.2.3.4", "2002:a02:304::", "fd12::1"]) {
    assert.equal(addressRefusal(addressOf(text), allowed), undefined, text);
  }
  for (const text of ["10.1.255.255", "10.3.0.0", "::ffff:10.3.0.0", "fd13::1", "127.0.0.1"]) {
    assert.notEqual(addressRefusal(addressOf(text), allowed), undefined, text);
  }
});

Deno.test("parseAddress() refuses spellings that programs read differently", () => {
  const texts = `0177.0.0.1 010.0.0.1 0x7f.0.0.1 2130706433 127.1 127.0.1 256.0.0.1 1.2.3 1.2.3.4.5
    fe80::1%eth0 fe80::1%25eth0 [::1] ::1]@x :::1 1::2::3 12345::1 ::g localhost 127.0.0.1. 1.2.3.-4
    1.2.3.4:80 ::1/128`.split(/\s+/);
  for (const text of ["", " 127.0.0.1", "127.0.0.1 ", "1.2.3. 4", "١.1.1.1", ...texts]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});

Deno.test("parseAddress() reads all forms of IPv6 as the same number", () => {
  const forms = ["::ffff:127.0.0.1", "::FFFF:7f00:1", "0:0:0:0:0:ffff:7f00:0001", "0::ffff:7f00:1"];
  for (const text of forms) assert.equal(addressOf(text).value, 0xffff_7f00_0001n, text);
  assert.equal(addressOf("1:2:3:4:5:6:7:8").value, 0x0001_0002_0003_0004_0005_0006_0007_0008n);
  assert.equal(addressOf("1::").value, 1n << 112n);
  assert.equal(addressOf("::").value, 0n);
});

Deno.test("parseRange() refuses what is no range", () => {
  const texts = ["", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10/8", "10.0.0.0/8/8", "x/8"];
  for (const text of [...texts, "10.0.0.0/-1", "10.0.0.0/1e1", "010.0.0.0/8"]) {
    assert.equal(parseRange(text), undefined, text);
  }
});
