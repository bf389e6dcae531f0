/**
 * Zod, as workflows import it. It is not exported as it is, because its 400 exports would bury the
 * SDK's own in the documentation; types that are not here can be imported from "zod".
 */

import * as zod from "zod";

/** Zod: `z.object({…})`, `z.string()`, … See https://zod.dev. */
export const z: typeof zod.z = zod.z;

/** The types of zod that contracts need. */
export declare namespace z {
  /** What a value of a schema is, once it is checked. */
  export type infer<T extends zod.ZodType> = zod.infer<T>;
  /** What is sent: fields with a default may be left out. */
  export type input<T extends zod.ZodType> = zod.input<T>;
  /** What the check gives. */
  export type output<T extends zod.ZodType> = zod.output<T>;
  /** Any schema. */
  export type ZodType<O = unknown, I = unknown> = zod.ZodType<O, I>;
}
