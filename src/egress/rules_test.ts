import assert from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { checkAddresses, type EgressRules, NO_RULES, targetOf, withRule } from "./rules.ts";

function rulesOf(...texts: readonly string[]): EgressRules {
  return texts.reduce<EgressRules>((rules, text) => {
    const more = withRule(rules, text);
    assert.ok(more, text);
    return more;
  }, NO_RULES);
}

function isRefused(rules: EgressRules, url: string, addresses?: readonly string[]): boolean {
  try {
    const target = targetOf(rules, url);
    checkAddresses(rules, target, addresses ?? [target.host]);
    return false;
  } catch (error) {
    assert.ok(error instanceof TaskerError && error.code === "egress.refused", String(error));
    return true;
  }
}

/** All spellings of an IPv4 address that some program reads. */
function spellings(four: string): readonly string[] {
  const [a = 0, b = 0, c = 0, d = 0] = four.split(".").map(Number);
  const whole = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = (value: number) => value.toString(16);
  const octal = (value: number) => `0${value.toString(8)}`;
  const [high, low] = [hex(a * 256 + b), hex(c * 256 + d)];
  const wide = [...four].map((one) =>
    one === "." ? "。" : String.fromCodePoint(0xff10 + Number(one))
  ).join("");
  return [
    four,
    `${four}.`,
    String(whole),
    `0x${hex(whole)}`,
    octal(whole),
    `${octal(a)}.${octal(b)}.${octal(c)}.${octal(d)}`,
    `0x${hex(a)}.0x${hex(b)}.0x${hex(c)}.0x${hex(d)}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    `${a}.${b}.${c * 256 + d}`,
    `${a}.0x${hex(b)}.${octal(c)}.${d}`,
    `000${octal(a)}.${b}.${c}.${d}`,
    wide,
    [...four].map((one) => `%${one.charCodeAt(0).toString(16)}`).join(""),
    `[::ffff:${four}]`,
    `[::ffff:${high}:${low}]`,
    `[0:0:0:0:0:FFFF:${high}:${low}]`,
    `[::${four}]`,
    `[64:ff9b::${four}]`,
    `[64:ff9b::${high}:${low}]`,
    `[2002:${high}:${low}::]`,
    `[2002:${high}:${low}::1]`,
    `[2606:4700::5efe:${four}]`,
  ];
}

const NOT_PUBLIC =
  `0.0.0.0 0.1.2.3 10.0.0.1 10.200.3.4 100.64.0.1 100.100.100.200 127.0.0.1 127.8.9.10
  168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.9.9 192.0.0.192 192.0.2.9 192.88.99.1
  192.168.0.1 192.168.178.20 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.251 239.1.1.1 240.0.0.1
  255.255.255.255`.split(/\s+/);

Deno.test("no spelling of an address that is not public is called, though all hosts are named", () => {
  const rules = rulesOf("*");
  let count = 0;
  for (const four of NOT_PUBLIC) {
    for (const host of spellings(four)) {
      for (const scheme of ["http", "https"]) {
        assert.ok(isRefused(rules, `${scheme}://${host}/`), `${host} of ${four}`);
        count++;
      }
    }
  }
  assert.ok(count > 1_000, String(count));
});

Deno.test("each spelling of a listed address is called", () => {
  const rules = rulesOf("127.0.0.0/8");
  for (const host of spellings("127.0.0.1").filter((one) => one !== "[::127.0.0.1]")) {
    assert.ok(!isRefused(rules, `http://${host}:9000/path`), host);
  }
});

Deno.test("URLs with a zone, another scheme, credentials or no host are refused", () => {
  const urls = `http://[fe80::1%25eth0]/ http://[::1%lo]/ ftp://a.com/ file:///etc/passwd
    gopher://a.com:70/ data:text/plain,a javascript:1 ws://a.com/ unix:/run/docker.sock
    http://user@a.com/ http://user:pass@a.com/ http://:pass@a.com/ https://a.com@127.0.0.1/ http://
    http:///// http://a.com:99999/ http://a..b:x/ //a.com/ a.com /path http://a%00.com/
    http://a%2f.com/ http://1.2.3.4.5/ http://256.256.256.256/ http://0x1ffffffff/`.split(/\s+/);
  for (const url of ["", " ", "http://a b.com/", ...urls]) {
    assert.ok(isRefused(rulesOf("*"), url, ["8.8.8.8"]), url);
  }
});

Deno.test("without a rule nothing is called", () => {
  for (const host of ["a.com", "8.8.8.8", "[2606:4700::1]", "localhost"]) {
    assert.ok(isRefused(NO_RULES, `https://${host}/`, ["8.8.8.8"]), host);
  }
});

Deno.test("a rule names one host, all hosts below a name, or a port", () => {
  const rules = rulesOf("mail.company.com", "*.example.org", "Bücher.example:8443", "1.1.1.1");
  const called = `https://mail.company.com https://MAIL.company.com. http://mail.company.com:8080
    https://a.example.org https://b.a.example.org https://bücher.example:8443
    https://xn--bcher-kva.example:8443 https://1.1.1.1`.split(/\s+/);
  const not = `https://company.com https://a.mail.company.com https://mail.company.com.evil.net
    https://evilmail.company.com https://example.org https://notexample.org https://bücher.example
    https://xn--bcher-kva.example:443 https://1.1.1.2 https://mail.company.com..`.split(/\s+/);
  for (const url of called) assert.ok(!isRefused(rules, url, ["8.8.8.8"]), url);
  for (const url of not) assert.ok(isRefused(rules, url, ["8.8.8.8"]), url);
});

Deno.test("a host is refused when one of its addresses is", () => {
  const rules = rulesOf("a.com");
  assert.ok(!isRefused(rules, "https://a.com", ["8.8.8.8", "2606:4700::1"]));
  for (const last of ["127.0.0.1", "::1", "fe80::1%eth0", "not an address", ""]) {
    assert.ok(isRefused(rules, "https://a.com", ["8.8.8.8", last]), last);
  }
});

Deno.test("a range lets no other host's name pass", () => {
  const rules = rulesOf("users.internal", "10.2.0.0/16");
  assert.ok(!isRefused(rules, "http://users.internal", ["10.2.3.4"]));
  assert.ok(isRefused(rules, "http://users.internal", ["10.3.3.4"]));
  assert.ok(isRefused(rules, "http://others.internal", ["10.2.3.4"]));
});

Deno.test("withRule() refuses what names no host and no range", () => {
  const texts = [
    "",
    "**",
    "*a.com",
    "*.",
    "*.:80",
    "a.*",
    "a.com/",
    "http://a.com",
    "a.com:x",
    "a com",
  ];
  for (
    const text of [...texts, "a.com:99999", "a@b", "10.0.0.0/99", ":80", "*.*.com", "a?b", "a#b"]
  ) {
    assert.equal(withRule(NO_RULES, text), undefined, text);
  }
});

Deno.test("a refusal shows neither path nor query, which may hold secrets", () => {
  const error = (() => {
    try {
      targetOf(NO_RULES, "https://hooks.example.com/services/SECRET?token=SECRET#SECRET");
    } catch (thrown) {
      return thrown as Error;
    }
  })();
  assert.ok(error !== undefined && !error.message.includes("SECRET"));
});
