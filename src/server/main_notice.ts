/** A file by which scripts and the command line find the server. */

import { openOwnFile } from "../postgres/own_file.ts";

/**
 * One line in a file, as long as this process stands by it. The file stays open: when the line is to
 * go, nothing needs the right to write into the folder any more.
 */
export class Notice implements Disposable {
  private constructor(readonly file: Deno.FsFile, readonly line: string) {}

  static async post(path: string, line: string): Promise<Notice> {
    const file = await openOwnFile(path, 0o644);
    await file.truncate(0);
    await file.write(new TextEncoder().encode(`${line}\n`));
    return new Notice(file, line);
  }

  /** Empties the file, unless a newer server has written its own line into it. */
  [Symbol.dispose](): void {
    const bytes = new Uint8Array(1_024);
    this.file.seekSync(0, Deno.SeekMode.Start);
    const length = this.file.readSync(bytes) ?? 0;
    const line = new TextDecoder().decode(bytes.subarray(0, length)).trim();
    if (line === this.line) this.file.truncateSync(0);
    this.file.close();
  }
}
