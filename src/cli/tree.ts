/** The tree: steps in an order and with an indentation that show who waits for whom. */

/** What the tree needs of a step. */
export interface TreeNode {
  readonly name: string;
  /** Its parents. */
  readonly after: readonly string[];
}

/** A place in the tree. */
export interface Branch<N> {
  readonly node: N;
  /** What stands before its symbol: `│ └ `. */
  readonly first: string;
  /** What stands before its further lines: `  │ ` where children follow. */
  readonly rest: string;
  /** Parents beside the one it hangs under. */
  readonly others: readonly string[];
}

/** Deeper steps stay in this column: a long chain still fits a terminal. */
const DEPTH_MAX = 16;

/**
 * Lays a graph out as a tree: each step once, under that parent which is farthest from the roots,
 * the last one of several. So whoever waits for many stands below all of them.
 *
 * Shape: parents stand before their children in `nodes`, as they do in a workflow. Cost: O(edges).
 */
export function layTree<N extends TreeNode>(nodes: readonly N[]): Branch<N>[] {
  const depths = new Map<string, number>();
  const children = new Map<string | undefined, N[]>();
  const others = new Map<string, readonly string[]>();
  for (const node of nodes) {
    const parent = node.after.reduce<string | undefined>(
      (best, name) => best === undefined || depthOf(name) >= depthOf(best) ? name : best,
      undefined,
    );
    depths.set(node.name, parent === undefined ? 0 : depthOf(parent) + 1);
    others.set(node.name, node.after.filter((name) => name !== parent));
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [node]);
    else siblings.push(node);
  }
  return branches();

  function depthOf(name: string): number {
    return depths.get(name) ?? 0;
  }

  /** Not recursive: a chain may be as long as a workflow. */
  function branches(): Branch<N>[] {
    const laid: Branch<N>[] = [];
    const waiting = (children.get(undefined) ?? []).map((node) => ({
      node,
      before: "",
      last: true,
    }))
      .reverse();
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { node, before, last } = next;
      const depth = depthOf(node.name);
      const isRoot = depth === 0;
      const isDeep = depth > DEPTH_MAX;
      const first = isRoot || isDeep ? before : before + (last ? "└ " : "├ ");
      const rest = isRoot || isDeep ? before : before + (last ? "  " : "│ ");
      const under = children.get(node.name) ?? [];
      const below = under.length === 0 ? `${rest}  ` : `${rest}│ `;
      laid.push({ node, first, rest: below, others: others.get(node.name) ?? [] });
      for (const [index, child] of [...under.entries()].reverse()) {
        waiting.push({ node: child, before: rest, last: index === under.length - 1 });
      }
    }
    return laid;
  }
}
