/** Channels: the names of the channels between the engine and other systems. */

/** Carries commands to a system. */
export function commandChannel(prefix: string, system: string): string {
  return `${prefix}.cmd.${system}`;
}

/** Carries a system's answers. Each system has its own, so that a faulty one harms only itself. */
export function replyChannel(prefix: string, system: string): string {
  return `${prefix}.reply.${system}`;
}

/** Carries what a system could not use: the system writes it, the engine takes it into its store. */
export function deadChannel(prefix: string, system: string): string {
  return `${prefix}.dead.${system}`;
}

/** Carries a system's own requests: starts, signals, cancels. */
export function inboundChannel(prefix: string, system: string): string {
  return `${prefix}.in.${system}`;
}
