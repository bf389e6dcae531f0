/** What other processes are, asked from the system. */

/**
 * Returns the command line of a live process, its words joined by spaces and followed by one;
 * undefined when there is no such process, or only a zombie that nobody has buried yet.
 */
export async function commandOf(pid: number): Promise<string | undefined> {
  return Deno.build.os === "linux" ? await askProc(pid) : await askPs(pid);
}

/** Slim images have no `ps`, but every Linux has /proc. */
async function askProc(pid: number): Promise<string | undefined> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    // "pid (name) state …", where the name may hold anything, brackets too
    const state = stat.slice(stat.lastIndexOf(")") + 2).charAt(0);
    if (state === "Z" || state === "X") return undefined;
    return (await Deno.readTextFile(`/proc/${pid}/cmdline`)).replaceAll("\0", " ");
  } catch {
    return undefined; // gone, also between the two reads
  }
}

async function askPs(pid: number): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("ps", {
    args: ["-o", "stat=,command=", "-p", String(pid)],
    stderr: "null",
  }).output();
  const [state, ...words] = new TextDecoder().decode(stdout).trim().split(/\s+/);
  return success && !state?.startsWith("Z") ? `${words.join(" ")} ` : undefined;
}
