/** Draws: seeded random numbers, and the distributions that latencies and loads follow. Pure. */

import { hash32 } from "../core/ids.ts";

/** Where the logarithm of a normal value is, in standard deviations, for the 99th percentile. */
const Z99 = 2.326_347_874;

/** Draws numbers; the same key gives the same numbers. */
export class Draw {
  #state: number;

  constructor(key: string) {
    this.#state = hash32(key);
  }

  /** Uniform in [0, 1). Source: mulberry32 by Tommy Ettinger, public domain. */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), 61 | bits);
    return ((bits ^ (bits >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** Uniform between two numbers. */
  between(min: number, max: number): number {
    return min + (max - min) * this.uniform();
  }

  /** A whole number between two, both included. */
  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  /** True with a probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** One of a list, each as likely. */
  pick<T>(list: readonly [T, ...T[]]): T {
    return list[Math.floor(this.uniform() * list.length)] as T;
  }

  /** One of a record's keys, as likely as its share says; shares need not add up to 1. */
  share<K extends string>(shares: Readonly<Record<K, number>>): K {
    const all = Object.entries<number>(shares);
    let left = this.uniform() * all.reduce((sum, [, share]) => sum + share, 0);
    for (const [key, share] of all) if ((left -= share) < 0) return key as K;
    return all.at(-1)?.[0] as K;
  }

  /** Exponential with a mean: the time to the next of many independent events. */
  exponential(mean: number): number {
    return -Math.log(1 - this.uniform()) * mean;
  }

  /** Normal with mean 0 and deviation 1. Source: Box and Muller, 1958. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Log-normal by its median and its 99th percentile: how long most services take. */
  lognormal(p50: number, p99: number): number {
    return p50 * Math.exp(Math.log(p99 / p50) / Z99 * this.normal());
  }
}
