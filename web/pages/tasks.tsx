/** Tasks: the list, and one task. */

import { lazy, Suspense } from "react";
import { Route, Switch } from "wouter";
import { TaskList } from "./tasks/list.tsx";

const TaskPage = lazy(() => import("./task/task.tsx"));

/** The pages below `/tasks`. */
export default function Tasks() {
  return (
    <Switch>
      <Route path="/">
        <TaskList />
      </Route>
      <Route path="/:id">
        {({ id }) => (
          <Suspense fallback={<p className="muted pad">Loading …</p>}>
            <TaskPage key={id} id={id} />
          </Suspense>
        )}
      </Route>
    </Switch>
  );
}
