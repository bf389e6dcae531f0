import { deepEqual, doesNotMatch, equal, match, notEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { hideSecrets, redactText, visible } from "./redaction.ts";

const KEY_BODY = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7";
const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9m";

/** A text as errors hold it, and the part of it that nobody may see. */
const SECRETS: readonly (readonly [text: string, canary: string])[] = [
  ["no route to postgres://app:hunter2@db:5432/shop", "hunter2"],
  ["amqp://app:p@ss@word@mq/vhost refused", "ss@word"],
  ["redis://:hunter2@cache:6379/0", "hunter2"],
  ["Server=db;User Id=app;Password=hunter2;Encrypt=true", "hunter2"],
  ["host=db user=app password='hun ter2' sslmode=require", "ter2"],
  ['login failed {"user":"app","password":"hunter2"}', "hunter2"],
  ['login failed {"password":"hun\\"ter2"}', "ter2"],
  [String.raw`body was "{\"api_key\":\"hunter2\",\"page\":1}"`, "hunter2"],
  ["{ user: 'app', accessToken: 'hunter2' }", "hunter2"],
  ["DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=aHVudGVyMg==;", "aHVudGVyMg"],
  ["SharedAccessSignature=sv%3D2020%26sig%3Dhunter2", "hunter2"],
  ["GET https://files.example.com/a?page=1&sig=hunter2%3D&x=1", "hunter2"],
  ["GET https://maps.example.com/a?key=hunter2", "hunter2"],
  ["X-Api-Key: hunter2", "hunter2"],
  ["x-auth-token => hunter2", "hunter2"],
  ["AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "bPxRfiCY"],
  ["user AKIAIOSFODNN7EXAMPLE may not list", "AKIAIOSFODNN7EXAMPLE"],
  ["key AIzaSyA1234567890abcdefghijklmnopqrstuv is not enabled", "SyA1234567890"],
  ["token ya29.a0AfH6SMBx1234567890abcdef is over", "a0AfH6SMBx"],
  ["remote: ghp_16C7e42F292c6912E7710c838347Ae178B4a denied", "16C7e42F292c"],
  ["npm_1234567890abcdefghijABCDEFGHIJ123456", "1234567890abcdefghij"],
  ["posting with xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcBrzbqgy", "pdFZKVeTuE8sk7"],
  ["POST https://hooks.slack.com/services/T000/B000/hunter2abcd 404", "hunter2"],
  ["No such customer for sk_live_4eC39HqLyjWDarjtT1zdp7dc", "4eC39HqLyjWDarjtT1"],
  ["Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuv", "abcdefghijklm"],
  ["bot 110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw is blocked", "dqTcvCH1vGWJ"],
  ["Authorization: Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy"],
  ["sent Bearer abc.def_0123456", "abc.def_0123456"],
  ["Cookie: session=hunter2", "hunter2"],
  ["passphrase: <hunter2>", "hunter2"],
  [`the assertion ${JWT} has expired`, "c2lnbmF0dXJl"],
  [`refused tasker_${"19652c27155ee679".repeat(4)}`, "19652c27"],
  [`bad key -----BEGIN RSA PRIVATE KEY-----\n${KEY_BODY}\n-----END RSA PRIVATE KEY-----`, KEY_BODY],
  [`"-----BEGIN PRIVATE KEY-----\\n${KEY_BODY}\\n`, KEY_BODY],
];

const PERSONAL: readonly (readonly [text: string, canary: string])[] = [
  ["no user ada.lovelace@example.com", "lovelace"],
  ["GET /users?mail=ada%40example.com failed", "ada"],
  ["no user zoë@exämple.de", "zoë"],
  ["card 4111111111111111 was declined", "411111111111"],
  ["card 4111 1111 1111 1111 was declined", "1111 1111"],
  ["item 12 5555-5555-5555-4444", "5555-4444"],
  ["item 5234 4111 1111 1111 1111 again", "1111 1111 1111"],
  ["amex 3782 822463 10005", "822463"],
  ["account DE89 3704 0044 0532 0130 00 was closed", "3704 0044"],
  ["account GB29NWBK60161331926819.", "NWBK6016"],
  ["account gb29 nwbk 6016 1331 9268 19 is", "nwbk"],
];

Deno.test("hideSecrets() hides every planted credential and leaves what stands around it", () => {
  for (const [text, canary] of SECRETS) {
    const shown = hideSecrets(text);
    ok(!shown.includes(canary), shown);
    match(shown, /<\w+>/);
    const first = /^\w+/.exec(text)?.[0] ?? "";
    if (!canary.startsWith(first)) {
      ok(shown.startsWith(first.slice(0, 4)) || shown[0] === "<", shown);
    }
  }
});

Deno.test("redactText() hides every planted canary, alone and among others", () => {
  const all = [...SECRETS, ...PERSONAL];

  for (const [text, canary] of all) {
    const { text: shown, count } = redactText(text);
    ok(!shown.includes(canary), shown);
    ok(count > 0);
  }
  const together = redactText(all.map(([text]) => text).join("\n")).text;
  deepEqual(all.filter(([, canary]) => together.includes(canary)), []);
});

Deno.test("hideSecrets() leaves what belongs to persons, for a journal is theirs", () => {
  for (const [text] of PERSONAL) equal(hideSecrets(text), text);
});

Deno.test("redactText() leaves texts without secrets as they are", () => {
  const texts = [
    "connect ECONNREFUSED 10.0.0.7:5432",
    "Unexpected token } in JSON at position 5",
    "Unexpected token < in JSON at position 0",
    "maximum context length is 4096 tokens: 5000 were given",
    'password authentication failed for user "app"',
    "HTTP 503 after 30000 ms, attempt 3 of 5",
    "task 0j2k4m6n8p0q2r4s6t8v0w2x4y6z8a0b timed out",
    "order 12345678901234567 of 1764435755123 is unknown",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "id 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "http://db.internal:8080/users/17 gave 404",
    "basic auth is not supported",
    "at charge (workflows/shop.ts:7:5)",
    "ISO 8601 date 2026-11-29T17:02:35.123Z",
  ];

  for (const text of texts) deepEqual(redactText(text), { text, count: 0 });
});

Deno.test("redactText() hides the same value alike, and different values differently", () => {
  const [one, again, other] = ["ada@example.com", "ADA@example.com", "bob@example.com"].map((
    mail,
  ) => redactText(`no user ${mail}`).text);

  match(one ?? "", /^no user <email:[0-9a-f]{4}>$/);
  equal(one, again);
  notEqual(one, other);
  equal(redactText("4111 1111 1111 1111").text, redactText("4111111111111111").text);
});

Deno.test("a redacted text is not changed by redacting it again", () => {
  const words = [...SECRETS, ...PERSONAL].map(([text]) => text);
  const piece = fc.oneof(fc.constantFrom(...words, "password=", '"', "Bearer ", ": "), fc.string());
  fc.assert(fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
    const once = redactText(pieces.join(" ")).text;
    equal(redactText(once).text, once);
    equal(hideSecrets(once), once);
  }));
});

Deno.test("each run in a pattern of redaction is bounded: a text is searched in linear time", async () => {
  const source = await Deno.readTextFile(new URL("redaction.ts", import.meta.url));
  const patterns = [
    ...source.matchAll(/^.*?(\/(?:\\.|\[(?:\\.|[^\]])*\]|[^/\n])+\/g[iu]*)/gm),
    ...source.matchAll(/String\.raw`([^`]*)`/g),
  ].map(([, pattern = ""]) => pattern);

  ok(patterns.length > 20);
  for (const pattern of patterns) {
    const withoutSets = pattern.replaceAll(/\[(\\.|[^\]])*\]/g, "x");
    doesNotMatch(withoutSets, /(?<!\\)[+*]|,\}/, pattern);
  }
});

Deno.test("visible() leaves nothing that rewrites a terminal, hides an instruction or cuts a secret", () => {
  equal(visible("a\x1b[31mb\u009b1mc\u202ed\u200be\nf\tg\0h\ud800"), "a[31mb1mcde f gh\ufffd");
});
