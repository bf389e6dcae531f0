/** IP addresses and ranges, and which of them are public. Pure. */

/** An address as a number of 32 or 128 bits. */
export interface Address {
  readonly value: bigint;
  readonly bits: 32 | 128;
}

/** A range of addresses, in the notation of CIDR: the first `length` bits are fixed. */
export interface Range {
  readonly value: bigint;
  readonly bits: 32 | 128;
  readonly length: number;
}

/**
 * Reads an address: four decimal numbers, or IPv6 without a zone. Undefined for anything else: other
 * spellings of IPv4 (octal, hexadecimal, fewer numbers) mean different things to different programs.
 */
export function parseAddress(text: string): Address | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return parseIPv4(text);
  // The URL parser knows all forms of IPv6 and writes groups of hexadecimal digits.
  if (!/^[0-9a-f:.]{2,45}$/i.test(text) || !text.includes(":")) return undefined;
  const hostname = URL.parse(`http://[${text}]/`)?.hostname;
  if (hostname === undefined) return undefined;
  const [head = "", tail] = hostname.slice(1, -1).split("::");
  const [before, after] = [groupsOf(head), groupsOf(tail ?? "")];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<bigint>(zeros).fill(0n), ...after];
  return { value: groups.reduce((value, group) => value << 16n | group, 0n), bits: 128 };
}

function parseIPv4(text: string): Address | undefined {
  const numbers = text.split(".");
  if (numbers.some((number) => Number(number) > 255 || /^0\d/.test(number))) return undefined;
  return { value: numbers.reduce((value, number) => value << 8n | BigInt(number), 0n), bits: 32 };
}

function groupsOf(text: string): readonly bigint[] {
  return text === "" ? [] : text.split(":").map((group) => BigInt(`0x${group}`));
}

/** Reads a range such as `10.2.0.0/16`, or one address; undefined for anything else. */
export function parseRange(text: string): Range | undefined {
  const [first = "", length, ...more] = text.split("/");
  const address = parseAddress(first.replace(/^\[(.*)\]$/, "$1"));
  if (address === undefined || more.length > 0) return undefined;
  if (length === undefined) return { ...address, length: address.bits };
  if (!/^\d{1,3}$/.test(length) || Number(length) > address.bits) return undefined;
  return { ...address, length: Number(length) };
}

/** Whether an address lies in a range. */
function isIn(address: Address, { value, bits, length }: Range): boolean {
  const rest = BigInt(bits - length);
  return address.bits === bits && address.value >> rest === value >> rest;
}

/** Ranges of IPv4 that are not public, after IANA's registry of special-purpose addresses. */
const IPV4_NOT_PUBLIC = table([
  ["0.0.0.0/8", "this network"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "shared by carriers' customers"],
  ["127.0.0.0/8", "loopback"],
  ["168.63.129.16/32", "a cloud's metadata"],
  ["169.254.0.0/16", "link-local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "reserved for protocols"],
  ["192.0.2.0/24", "for documentation"],
  ["192.88.99.0/24", "a relay of 6to4"],
  ["192.168.0.0/16", "private"],
  ["198.18.0.0/15", "for benchmarks"],
  ["198.51.100.0/24", "for documentation"],
  ["203.0.113.0/24", "for documentation"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
]);

/** The same within 2000::/3, the only part of IPv6 that is given out as public. */
const IPV6_NOT_PUBLIC = table([
  ["2001::/23", "reserved for protocols"],
  ["2001:db8::/32", "for documentation"],
  ["3fff::/20", "for documentation"],
]);

const IPV6_PUBLIC = range("2000::/3");

/** Forms of IPv6 that carry an IPv4 address: how far from the right it stands. */
const CARRIERS: readonly (readonly [Range, bigint])[] = [
  [range("::ffff:0:0/96"), 0n],
  [range("64:ff9b::/96"), 0n],
  [range("2002::/16"), 80n],
];

/** ISATAP: any network may hold it, and its last 32 bits are an IPv4 address. */
const ISATAP = [0x0000_5efen, 0x0200_5efen];

/**
 * Returns why an address may not be called, or undefined when it is public or in an allowed range.
 *
 * An address that carries an IPv4 address is judged by that one.
 */
export function addressRefusal(address: Address, allowed: readonly Range[]): string | undefined {
  if (isAllowed(address, allowed)) return undefined;
  const judged = carriedBy(address) ?? address;
  const [, reason] = notPublic(judged)?.find(([one]) => isIn(judged, one)) ?? [];
  if (reason !== undefined) return reason;
  if (judged.bits === 128 && !isIn(judged, IPV6_PUBLIC)) return "not a public address";
  return undefined;
}

/** Whether an address, or the one that it carries, is in one of the ranges. */
export function isAllowed(address: Address, ranges: readonly Range[]): boolean {
  const carried = carriedBy(address);
  return ranges.some((one) => isIn(address, one) || carried !== undefined && isIn(carried, one));
}

function notPublic({ bits }: Address): readonly (readonly [Range, string])[] {
  return bits === 32 ? IPV4_NOT_PUBLIC : IPV6_NOT_PUBLIC;
}

function carriedBy(address: Address): Address | undefined {
  if (address.bits === 32) return undefined;
  const carrier = CARRIERS.find(([one]) => isIn(address, one));
  const isIsatap = ISATAP.includes(address.value >> 32n & 0xffff_ffffn);
  if (carrier === undefined && !isIsatap) return undefined;
  return { value: address.value >> (carrier?.[1] ?? 0n) & 0xffff_ffffn, bits: 32 };
}

function table(
  rows: readonly (readonly [string, string])[],
): readonly (readonly [Range, string])[] {
  return rows.map(([text, reason]) => [range(text), reason]);
}

function range(text: string): Range {
  return parseRange(text) as Range;
}
