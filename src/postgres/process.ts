/** What other processes are, asked from the system. */

/**
 * Returns the command line of a live process, its words joined by spaces and followed by one;
 * undefined when there is no such process, or only a zombie that nobody has waited for yet.
 */
export async function commandOf(pid: number): Promise<string | undefined> {
  return Deno.build.os === "linux" ? await askProc(pid) : await askPs(pid);
}

/**
 * Slim images have no `ps`, but every Linux has /proc. `cat` reads it, because Deno itself opens
 * /proc only for programs with all permissions.
 */
async function askProc(pid: number): Promise<string | undefined> {
  const words = await outputOf("cat", [`/proc/${pid}/cmdline`]);
  return words === undefined || words === "" ? undefined : words.replaceAll("\0", " "); // "" = zombie
}

async function askPs(pid: number): Promise<string | undefined> {
  const line = await outputOf("ps", ["-o", "stat=,command=", "-p", String(pid)]);
  const [state, ...words] = line?.trim().split(/\s+/) ?? [];
  return state === undefined || state.startsWith("Z") ? undefined : `${words.join(" ")} `;
}

async function outputOf(program: string, args: string[]): Promise<string | undefined> {
  const command = new Deno.Command(program, { args, stderr: "null" });
  const { success, stdout } = await command.output();
  return success ? new TextDecoder().decode(stdout) : undefined;
}
