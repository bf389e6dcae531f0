/**
 * Zod, as workflows import it. It is not exported whole, because its 400 exports would hide the
 * SDK's own in the documentation; other types can be imported from "zod".
 */

import * as zod from "zod";

/** Zod: `z.object({…})`, `z.string()`, … See https://zod.dev. */
export const z: typeof zod.z = zod.z;

/** The types of zod that contracts need. */
export declare namespace z {
  /** The type of a checked value. */
  export type infer<T extends zod.ZodType> = zod.infer<T>;
  /** The type of what is sent: fields with a default are optional. */
  export type input<T extends zod.ZodType> = zod.input<T>;
  /** The type of what the check returns. */
  export type output<T extends zod.ZodType> = zod.output<T>;
  /** Any schema. */
  export type ZodType<O = unknown, I = unknown> = zod.ZodType<O, I>;
}
