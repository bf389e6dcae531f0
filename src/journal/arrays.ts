/** Arrays: how postgres.js writes and reads them, without asking Postgres for its types first. */

/** A type as postgres.js takes it. */
interface ArrayType {
  readonly to: number;
  readonly from: number[];
  serialize(values: unknown): string;
  parse(text: string): unknown[];
}

/**
 * The arrays that our statements use, by their numbers in Postgres' catalog, which never change.
 *
 * postgres.js would ask for all of them on each connection, and nobody holds the promise of that
 * query: a connection destroyed at that moment ended the process.
 */
export const ARRAY_TYPES: Record<string, ArrayType> = {
  intArray: arrayType(1007, Number),
  textArray: arrayType(1009, String),
  floatArray: arrayType(1022, Number),
  uuidArray: arrayType(2951, String),
};

/** A quoted element, or a bare one. */
const ELEMENT = /"((?:[^"\\]|\\.)*)"|[^,{}]+/gs;

function arrayType(number: number, read: (text: string) => unknown): ArrayType {
  return {
    to: number,
    from: [number],
    // Who has written the array by himself passes it as text.
    serialize: (values) => Array.isArray(values) ? `{${values.map(write)}}` : String(values),
    parse: (text) =>
      [...text.matchAll(ELEMENT)].map(([bare, quoted]) => {
        if (quoted !== undefined) return read(quoted.replace(/\\(.)/gs, "$1"));
        return bare === "NULL" ? null : read(bare);
      }),
  };
}

function write(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  return `"${String(value).replace(/["\\]/g, "\\$&")}"`;
}
