/** What stands where there is nothing to show. */

import type { ReactNode } from "react";

/** Says that there is nothing, why, and what to do next. */
export function EmptyState(
  { title, children }: { readonly title: string; readonly children?: ReactNode },
) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      <div>{children}</div>
    </div>
  );
}
