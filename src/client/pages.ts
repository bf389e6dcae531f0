/** Pages: a list that comes in parts, as one. */

/** One part, and where the next one begins. */
export interface Page<T, C> {
  readonly entries: readonly T[];
  /** Absent: this was the last. */
  readonly next: C | undefined;
}

/** Yields all entries; a page is asked for when its first entry is. */
export async function* pagesOf<T, C = string>(
  ask: (cursor: C | undefined) => Promise<Page<T, C>>,
): AsyncGenerator<T> {
  let cursor: C | undefined;
  do {
    const { entries, next } = await ask(cursor);
    yield* entries;
    cursor = next;
  } while (cursor !== undefined);
}
