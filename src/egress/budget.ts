/** A budget: so many bytes are held at once, and who asks for more waits, first come first served. */

/** Bytes that are shared; one request may have more than there are, alone. */
export class Budget {
  #free: number;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];

  constructor(readonly max: number) {
    this.#free = max;
  }

  /** Waits for a share; it is given back at the end of its scope. */
  async take(bytes: number): Promise<Disposable> {
    const share = Math.min(bytes, this.max);
    if (this.#waiting.length === 0 && share <= this.#free) this.#free -= share;
    else await new Promise<void>((go) => this.#waiting.push({ bytes: share, go }));
    return {
      [Symbol.dispose]: () => {
        this.#free += share;
        this.#grant();
      },
    };
  }

  #grant(): void {
    for (
      let first = this.#waiting[0];
      first !== undefined && first.bytes <= this.#free;
      first = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#free -= first.bytes;
      first.go();
    }
  }
}
