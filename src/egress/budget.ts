/** A budget: so many bytes are held at once, counted as they come; who holds up is a host, not all. */

interface Waiting {
  readonly hold: Hold;
  readonly bytes: number;
  readonly go: () => void;
}

/**
 * Bytes that are shared. When none are free, one hold of each host goes on all the same, so that
 * what is half there always comes to its end, and no host waits for another.
 *
 * So what is held is at most `max`, and one answer for each host beyond it.
 */
export class Budget {
  #free: number;
  readonly #loans = new Map<string, Hold>();
  #waiting: Waiting[] = [];

  constructor(readonly max: number) {
    this.#free = max;
  }

  /** Opens a hold without bytes. */
  open(host: string): Hold {
    return new Hold(this, host);
  }

  /** Adds bytes to a hold; undefined when they are there at once. Only a Hold calls this. */
  take(hold: Hold, bytes: number): Promise<void> | undefined {
    const fits = this.#waiting.length === 0 && bytes <= this.#free;
    if (!fits && !this.#lend(hold)) {
      return new Promise((go) => void this.#waiting.push({ hold, bytes, go }));
    }
    this.#give(hold, bytes);
  }

  /** Takes all bytes of a hold back. Only a Hold calls this. */
  end(hold: Hold): void {
    this.#free += hold.bytes;
    hold.bytes = 0;
    this.#waiting = this.#waiting.filter((one) => one.hold !== hold);
    if (this.#loans.get(hold.host) === hold) this.#loans.delete(hold.host);
    let count = 0;
    for (const { hold: first, bytes, go } of this.#waiting) {
      if (bytes > this.#free) break;
      count += 1;
      this.#give(first, bytes);
      go();
    }
    this.#waiting = this.#waiting.slice(count);
    const next = this.#waiting.find((one) => one.hold.host === hold.host);
    if (next === undefined || !this.#lend(next.hold)) return;
    this.#waiting = this.#waiting.filter((one) => one !== next);
    this.#give(next.hold, next.bytes);
    next.go();
  }

  #lend(hold: Hold): boolean {
    const holder = this.#loans.get(hold.host) ?? hold;
    this.#loans.set(hold.host, holder);
    return holder === hold;
  }

  #give(hold: Hold, bytes: number): void {
    this.#free -= bytes;
    hold.bytes += bytes;
  }
}

/** What one request holds; all of it is given back at the end of its scope. */
export class Hold implements Disposable {
  bytes = 0;

  constructor(readonly budget: Budget, readonly host: string) {}

  /** Holds more bytes; undefined when it need not wait. */
  take(bytes: number): Promise<void> | undefined {
    return this.budget.take(this, bytes);
  }

  [Symbol.dispose](): void {
    this.budget.end(this);
  }
}
