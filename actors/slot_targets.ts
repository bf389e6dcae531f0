/** Slot targets: which node a slot belongs to. */

import { hash32, type Incarnation, SLOTS } from "../src/core/ids.ts";
import type { NodeRow, SlotRow } from "../src/core/ports.ts";

/**
 * Rendezvous hashing: a slot belongs to the node with the highest hash of both.
 *
 * A slot with tasks in a newer event format belongs to the highest of the nodes that read it. If no
 * such node lives, it belongs to the highest of all, which runs the slot's other tasks.
 */
export class SlotTargets {
  #nodes: readonly NodeRow[] = [];
  /** The formats that every node reads. */
  #formatOfAll = 0;
  /** Slot → node, by all nodes; computed when the live nodes change. */
  #ofAll: readonly (Incarnation | undefined)[] = [];

  /** Sets the nodes that live. */
  set(nodes: readonly NodeRow[]): void {
    const sorted = nodes.toSorted((a, b) => a.incarnation < b.incarnation ? -1 : 1);
    if (namesOf(sorted) === namesOf(this.#nodes)) return;
    this.#nodes = sorted;
    this.#formatOfAll = Math.min(...sorted.map(({ format }) => format));
    this.#ofAll = Array.from({ length: SLOTS }, (_, slot) => highest(sorted, slot));
  }

  /** The node that a slot belongs to; undefined while none is known. */
  of({ slot, formatMin = 1 }: SlotRow): Incarnation | undefined {
    if (formatMin <= this.#formatOfAll) return this.#ofAll[slot];
    const reading = this.#nodes.filter(({ format }) => format >= formatMin);
    return highest(reading, slot) ?? this.#ofAll[slot];
  }
}

function namesOf(nodes: readonly NodeRow[]): string {
  return nodes.map(({ incarnation }) => incarnation).join();
}

function highest(nodes: readonly NodeRow[], slot: number): Incarnation | undefined {
  let best: Incarnation | undefined;
  let score = -1;
  for (const { incarnation } of nodes) {
    const drawn = hash32(`${incarnation}/${slot}`);
    if (drawn > score) [best, score] = [incarnation, drawn];
  }
  return best;
}
