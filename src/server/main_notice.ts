/** A file by which scripts and the command line find the server. */

/**
 * One line in a file, as long as this process stands by it. The file stays open: when the line is to
 * go, nothing needs the right to write into the folder any more.
 */
export class Notice implements Disposable {
  readonly #file: Deno.FsFile;

  constructor(path: string, readonly line: string) {
    this.#file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o644 });
    this.#file.truncateSync(0);
    this.#file.writeSync(new TextEncoder().encode(`${line}\n`));
  }

  /** Empties the file, unless a newer server has written its own line into it. */
  [Symbol.dispose](): void {
    const bytes = new Uint8Array(1_024);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    const length = this.#file.readSync(bytes) ?? 0;
    const line = new TextDecoder().decode(bytes.subarray(0, length)).trim();
    if (line === this.line) this.#file.truncateSync(0);
    this.#file.close();
  }
}
