/** Channels: under which names the engine and other systems meet on a bus. */

/** Carries commands to a system. */
export function commandChannel(prefix: string, system: string): string {
  return `${prefix}.cmd.${system}`;
}

/** Carries a system's answers; one a system, so that a careless system harms only itself. */
export function replyChannel(prefix: string, system: string): string {
  return `${prefix}.reply.${system}`;
}

/** Carries copies of a system's envelopes that nobody could use. */
export function deadChannel(prefix: string, system: string): string {
  return `${prefix}.dead.${system}`;
}

/** Carries what a system asks by itself: starts, signals, cancels. */
export function inboundChannel(prefix: string, system: string): string {
  return `${prefix}.in.${system}`;
}
