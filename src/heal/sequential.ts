/**
 * A sequential test: whether one group has a smaller, or a greater, share than another, asked again and
 * again while both grow. Pure.
 *
 * What is counted between two looks is a block. For each block the evidence (an e-value) is how much
 * likelier its counts are under two shares that were guessed before it than under one for both; the
 * product over the blocks reaches 1/α with a probability of at most α if the groups are alike,
 * however often one looks (Ville's inequality). The shares may change from block to block, as those
 * of both groups do in an incident.
 *
 * Source: Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests that allow
 * for optional stopping", Journal of Statistical Planning and Inference 230 (2024), section 3; the same
 * E-variable holds against "not smaller", because it shrinks as the shares turn around.
 */

import type { Part } from "./comparison.ts";

/** What a guess is worth before anything was counted, as so many attempts of each group. */
const PRIOR = 20;

/** How far from each other the shares of the groups are guessed at first. */
const RATIO = 4;

/** Shares that are guessed; no count is impossible. */
const SHARE = { min: 0.005, max: 0.995 };

/** What was counted of both groups between two looks. */
export interface Block {
  readonly changed: Part;
  readonly unchanged: Part;
  /** Counts that come and go together, such as attempts of one step: so many are worth one. Default: 1. */
  readonly together?: number;
}

/**
 * Returns the evidence that the changed group's share is less, or greater, as a natural logarithm:
 * `-Math.log(α)` or more is an answer. Counts in a block must not depend on how many are taken into it.
 *
 * Shape: `usual` is the share to expect, 0..1. Cost: O(blocks).
 */
export function evidenceOf(
  blocks: readonly Block[],
  { is, usual }: { readonly is: "less" | "greater"; readonly usual: number },
): number {
  let [changed, unchanged]: [Part, Part] = [NOTHING, NOTHING];
  const expected = Math.min(SHARE.max, Math.max(SHARE.min, usual));
  const other = is === "less" ? expected / RATIO : Math.min((1 + expected) / 2, expected * RATIO);
  let evidence = 0;
  for (const block of blocks) {
    const shares = [guessed(changed, other), guessed(unchanged, expected)] as const;
    // What was counted so far speaks against it: nothing is staked on the next block.
    const isStaked = is === "less" ? shares[0] < shares[1] : shares[0] > shares[1];
    if (isStaked) evidence += evidenceIn(block, shares) / Math.max(1, block.together ?? 1);
    [changed, unchanged] = [plus(changed, block.changed), plus(unchanged, block.unchanged)];
  }
  return evidence;
}

/**
 * Returns the evidence that a share is above a bound, in the same way; a share that is known for certain
 * stands in for the other group.
 */
export function evidenceAbove(
  blocks: readonly { readonly part: Part; readonly together: number }[],
  bound: number,
): number {
  const known = Math.min(SHARE.max, Math.max(SHARE.min, bound));
  let before = NOTHING;
  let evidence = 0;
  for (const { part, together } of blocks) {
    const share = guessed(before, Math.min((1 + known) / 2, known * RATIO));
    if (share > known) {
      evidence += (likelihood(part, share) - likelihood(part, known)) / Math.max(1, together);
    }
    before = plus(before, part);
  }
  return evidence;
}

const NOTHING: Part = { count: 0, of: 0 };

function guessed({ count, of }: Part, before: number): number {
  const share = (count + PRIOR * before) / (of + PRIOR);
  return Math.min(SHARE.max, Math.max(SHARE.min, share));
}

function evidenceIn(
  { changed, unchanged }: Block,
  [one, other]: readonly [number, number],
): number {
  if (changed.of === 0 || unchanged.of === 0) return 0;
  const alike = (changed.of * one + unchanged.of * other) / (changed.of + unchanged.of);
  return likelihood(changed, one) - likelihood(changed, alike) +
    likelihood(unchanged, other) - likelihood(unchanged, alike);
}

function likelihood({ count, of }: Part, share: number): number {
  return count * Math.log(share) + (of - count) * Math.log(1 - share);
}

function plus(one: Part, other: Part): Part {
  return { count: one.count + other.count, of: one.of + other.of };
}
