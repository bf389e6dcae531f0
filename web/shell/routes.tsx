/** Which page an address shows. Each page is loaded when it is first opened. */

import { Component, type ComponentType, lazy, type ReactNode, Suspense } from "react";
import { Route, Switch, useLocation } from "wouter";
import type { Page } from "../../src/operations/pages.ts";
import { Button } from "../kit/button.tsx";
import { EmptyState } from "../kit/empty_state.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import { Page as PageHead } from "../kit/page.tsx";

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
  "incidents": { label: "Incidents", component: lazy(() => import("../pages/incidents.tsx")) },
  "workflows": { label: "Workflows", component: lazy(() => import("../pages/workflows.tsx")) },
  "builder": { label: "Builder", component: lazy(() => import("../pages/builder.tsx")) },
  "systems": { label: "Systems", component: lazy(() => import("../pages/systems.tsx")) },
  "webhooks": { label: "Webhooks", component: lazy(() => import("../pages/webhooks.tsx")) },
  "settings": { label: "Settings", component: lazy(() => import("../pages/settings.tsx")) },
};

/** The page of the address. A page reads the rest of its path itself (wouter's `nest`). */
export function Pages() {
  const [location] = useLocation();
  return (
    <Boundary key={location.split("/")[1]}>
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
    </Boundary>
  );
}

/** Says that a page failed, or could not be loaded; the frame and the other pages stay. */
class Boundary extends Component<
  { readonly children: ReactNode },
  { readonly error: unknown }
> {
  override state: { readonly error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <PageHead title="This page failed">
        <ErrorNote error={error} />
        <p className="row">
          Nothing was changed by that. If the server has a newer version, loading again helps.{" "}
          <Button onPress={() => location.reload()}>Load again</Button>
        </p>
      </PageHead>
    );
  }
}
