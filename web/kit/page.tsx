/** The head of a page. */

import { type ReactNode, useEffect } from "react";

/** A page: its title, which is also the window's, what can be done with the whole, and its content. */
export function Page(
  { title, actions, children }: {
    readonly title: string;
    readonly actions?: ReactNode;
    readonly children: ReactNode;
  },
) {
  useEffect(() => {
    document.title = `${title} · Tasker`;
  }, [title]);
  return (
    <div className="page">
      <div className="page-head">
        <h1>{title}</h1>
        {actions}
      </div>
      {children}
    </div>
  );
}
