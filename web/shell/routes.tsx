/** Which page an address shows. Each page is loaded when it is first opened. */

import { type ComponentType, lazy, Suspense } from "react";
import { Route, Switch } from "wouter";
import type { Page } from "../../src/operations/pages.ts";
import { EmptyState } from "../kit/empty_state.tsx";

/** A page, and its entry in the navigation. */
interface PageEntry {
  /** The word in the navigation; absent: it is not there. */
  readonly label?: string;
  readonly component: ComponentType;
}

/** All pages, in the order of the navigation. To add one: a line here and in src/operations/pages.ts. */
export const PAGES: Readonly<Record<Page, PageEntry>> = {
  "": { label: "Overview", component: lazy(() => import("../pages/overview.tsx")) },
  "tasks": { label: "Tasks", component: lazy(() => import("../pages/tasks.tsx")) },
  "parked": { label: "Needs a person", component: lazy(() => import("../pages/parked.tsx")) },
  "workflows": { label: "Workflows", component: lazy(() => import("../pages/workflows.tsx")) },
  "builder": { label: "Builder", component: lazy(() => import("../pages/builder.tsx")) },
};

/** The page of the address. A page reads the rest of its path itself (wouter's `nest`). */
export function Pages() {
  return (
    <Suspense fallback={<p className="muted pad">Loading …</p>}>
      <Switch>
        {Object.entries(PAGES).map(([path, { component: Component }]) =>
          path === ""
            ? (
              <Route key={path} path="/">
                <Component />
              </Route>
            )
            : (
              <Route key={path} path={`/${path}`} nest>
                <Component />
              </Route>
            )
        )}
        <Route>
          <EmptyState title="There is no such page">
            The address may be mistyped, or of another version.
          </EmptyState>
        </Route>
      </Switch>
    </Suspense>
  );
}
