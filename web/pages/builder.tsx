/** The builder: canvas, outline and text of one workflow, side by side. */

import {
  type KeyboardEvent,
  lazy,
  type ReactNode,
  Suspense,
  useCallback,
  useEffect,
  useMemo,
  useState,
} from "react";
import { Route, Switch, useParams } from "wouter";
import type { Problem } from "../../src/core/authoring.ts";
import { stepsOf } from "../../src/author/document.ts";
import { useClient } from "../data/client.tsx";
import { StepGraph } from "../graph/step_graph.tsx";
import { adoptCss } from "../kit/adopt_css.ts";
import { Button } from "../kit/button.tsx";
import { Page } from "../kit/page.tsx";
import { type Tab, Tabs } from "../kit/tabs.tsx";
import { AddDialog, type Where } from "./builder/add_dialog.tsx";
import css from "./builder/builder.css" with { type: "text" };
import { DeployDialog } from "./builder/deploy_dialog.tsx";
import { graphOfDocument } from "./builder/document_graph.ts";
import { EdgeForm } from "./builder/edge_form.tsx";
import { GenerateDialog } from "./builder/generate_dialog.tsx";
import { connect, disconnect, removeStep } from "./builder/gestures.ts";
import { OpenDialog } from "./builder/open_dialog.tsx";
import { Outline } from "./builder/outline.tsx";
import { type Overlay, withOverlay } from "./builder/overlay.ts";
import { ProblemsList } from "./builder/problems_list.tsx";
import { RehearsalPane } from "./builder/rehearsal_pane.tsx";
import { StepForm } from "./builder/step_form.tsx";
import { TasksPane } from "./builder/tasks_pane.tsx";
import { type Builder, useBuilder } from "./builder/use_builder.ts";
import { WorkflowForm } from "./builder/workflow_form.tsx";

adoptCss(css);

/** The editor is as large as all the rest, and loaded when the text is looked at. */
const TextPane = lazy(() => import("./builder/text_pane.tsx"));

/** The page at `/builder`; `/builder/NAMESPACE/NAME` opens what is deployed. */
export default function BuilderPage() {
  return (
    <Switch>
      <Route path="/:namespace/:name">
        <Deployed />
      </Route>
      <Route>
        <Workbench />
      </Route>
    </Switch>
  );
}

function Deployed() {
  const { namespace = "", name = "" } = useParams();
  return <Workbench deployed={{ namespace, name }} />;
}

/** What is open over the page. */
type Over =
  | { readonly kind: "open" | "describe" | "deploy" }
  | { readonly kind: "add"; readonly where: Where };

function Workbench({ deployed }: {
  readonly deployed?: { readonly namespace: string; readonly name: string };
}) {
  const builder = useBuilder();
  const [over, setOver] = useState<Over>();
  const [view, setView] = useState("step");
  const [overlay, setOverlay] = useState<Overlay>();
  const [line, setLine] = useState<number>();
  useDeployed(builder, deployed);
  const add = () => setOver({ kind: "add", where: whereOf(builder) });
  const show = ({ at }: Problem) => {
    setLine(at?.line);
    setView("text");
  };
  return (
    <Page title="Builder" actions={<Actions builder={builder} onOpen={setOver} />}>
      <div className="builder" data-view={view} onKeyDown={(event) => undoByKeys(event, builder)}>
        <section className="builder-outline" aria-label="Outline">
          <div className="row">
            <Button kind="primary" onPress={add}>Add a step …</Button>
            <Button onPress={() => builder.select(undefined)}>Workflow</Button>
          </div>
          <Outline builder={builder} onOpen={() => setView("step")} />
        </section>
        <CanvasPane builder={builder} overlay={overlay} onOverlay={setOverlay} />
        <section className="builder-side" aria-label="Details">
          <Tabs
            label="Details"
            chosen={view}
            onChoose={setView}
            tabs={viewsOf({ builder, add: setOver, show, setOverlay, line })}
          />
        </section>
      </div>
      <p className={builder.said?.isRefusal ? "said bad" : "said muted"} role="status">
        {builder.said?.text}
      </p>
      <Dialogs
        builder={builder}
        over={over}
        onClose={() => setOver(undefined)}
        onDeployed={() => setView("tasks")}
      />
    </Page>
  );
}

/** A new step goes behind what is selected. */
function whereOf({ selection, value }: Builder): Where {
  if (selection?.kind === "edge") return selection;
  const name = selection?.name ?? stepsOf(value).at(-1)?.name;
  return name === undefined ? { kind: "end" } : { kind: "after", name };
}

/** Opens the document of the address, once. */
function useDeployed(
  { replace, say }: Builder,
  deployed: { readonly namespace: string; readonly name: string } | undefined,
): void {
  const client = useClient();
  const { namespace, name } = deployed ?? {};
  useEffect(() => {
    if (namespace === undefined || name === undefined) return;
    const abort = new AbortController();
    client.call("workflowSource", { namespace, name }, { signal: abort.signal }).then(
      ({ text }) => replace(text, { file: `${name}.yaml`, label: `Open ${namespace}/${name}` }),
      (error: Error) => abort.signal.aborted || say(error.message, true),
    );
    return () => abort.abort();
  }, [client, namespace, name, replace, say]);
}

/** Undo and redo, unless a field has its own, or the editor has done it. */
function undoByKeys(event: KeyboardEvent, builder: Builder): void {
  const isField = (event.target as Element).matches("input, textarea, select");
  if (isField || event.defaultPrevented || !(event.ctrlKey || event.metaKey)) return;
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) builder.undo();
  else if (key === "y" || key === "z") builder.redo();
  else return;
  event.preventDefault();
}

function Actions({ builder, onOpen }: {
  readonly builder: Builder;
  readonly onOpen: (over: Over) => void;
}) {
  const { session, undo, redo } = builder;
  const [last, next] = [session.done.at(-1), session.undone.at(-1)];
  return (
    <div className="row" role="toolbar" aria-label="Document">
      <code className="muted">{session.file}</code>
      <Button onPress={() => onOpen({ kind: "open" })}>Open …</Button>
      <Button onPress={() => onOpen({ kind: "describe" })}>Describe it …</Button>
      <Button
        isDisabled={last === undefined}
        onPress={undo}
        label={last === undefined ? "Undo" : `Undo: ${last.label}`}
      >
        Undo
      </Button>
      <Button
        isDisabled={next === undefined}
        onPress={redo}
        label={next === undefined ? "Redo" : `Redo: ${next.label}`}
      >
        Redo
      </Button>
      <Button kind="primary" onPress={() => onOpen({ kind: "deploy" })}>Deploy …</Button>
    </div>
  );
}

function CanvasPane({ builder, overlay, onOverlay }: {
  readonly builder: Builder;
  readonly overlay: Overlay | undefined;
  readonly onOverlay: (overlay: undefined) => void;
}) {
  const { value, problems, selection, select, make, session } = builder;
  const graph = useMemo(() => graphOfDocument(value, problems), [value, problems]);
  const steps = useMemo(() => withOverlay(graph.steps, overlay), [graph, overlay]);
  const remove = () => {
    if (selection?.kind === "step") make(removeStep(session.document, selection.name));
    if (selection?.kind === "edge") make(disconnect(value, selection.edge));
  };
  return (
    <section className="builder-canvas" aria-label="Canvas">
      {overlay !== undefined && (
        <p className="builder-overlay">
          {overlay.title} <Button onPress={() => onOverlay(undefined)}>Hide</Button>
        </p>
      )}
      {!session.reading.ok && (
        <p className="builder-overlay bad" role="status">
          The text cannot be read: this is what it said before.
        </p>
      )}
      <StepGraph
        label={`Steps of ${String(value.name)}`}
        steps={steps}
        edges={graph.edges}
        selected={selection?.kind === "step" ? selection.name : undefined}
        onSelect={(name) => select(name === undefined ? undefined : { kind: "step", name })}
        selectedEdge={selection?.kind === "edge" ? selection.edge : undefined}
        onSelectEdge={(edge) => select({ kind: "edge", edge })}
        onConnect={(edge) => make(connect(value, edge))}
        onRemove={remove}
      />
    </section>
  );
}

function viewsOf({ builder, add, show, setOverlay, line }: {
  readonly builder: Builder;
  readonly add: (over: Over) => void;
  readonly show: (problem: Problem) => void;
  readonly setOverlay: (overlay: Overlay | undefined) => void;
  readonly line: number | undefined;
}): readonly Tab[] {
  const { problems, selection } = builder;
  const count = problems.length === 0 ? "" : ` ${problems.length}`;
  return [
    { key: "step", title: titleOf(selection), content: <Inspector builder={builder} add={add} /> },
    {
      key: "text",
      title: "Text",
      content: (
        <Suspense fallback={<p className="muted pad">Loading …</p>}>
          <TextPane builder={builder} line={line} />
        </Suspense>
      ),
    },
    {
      key: "problems",
      title: `Problems${count}`,
      content: <ProblemsList builder={builder} onShow={show} />,
    },
    {
      key: "run",
      title: "Run",
      content: <RehearsalPane builder={builder} onShow={setOverlay} />,
    },
    { key: "tasks", title: "Tasks", content: <TasksPane builder={builder} onShow={setOverlay} /> },
  ];
}

function titleOf(selection: Builder["selection"]): ReactNode {
  return selection === undefined ? "Workflow" : selection.kind === "step" ? "Step" : "Edge";
}

function Inspector({ builder, add }: {
  readonly builder: Builder;
  readonly add: (over: Over) => void;
}) {
  const { selection } = builder;
  if (selection === undefined) return <WorkflowForm builder={builder} />;
  if (selection.kind === "edge") {
    return (
      <EdgeForm
        builder={builder}
        edge={selection.edge}
        onInsert={() => add({ kind: "add", where: selection })}
      />
    );
  }
  const { name } = selection;
  return (
    <StepForm
      key={name}
      builder={builder}
      name={name}
      onInsertAfter={() => add({ kind: "add", where: { kind: "after", name } })}
    />
  );
}

function Dialogs({ builder, over, onClose, onDeployed }: {
  readonly builder: Builder;
  readonly over: Over | undefined;
  readonly onClose: () => void;
  readonly onDeployed: () => void;
}) {
  const { say } = builder;
  const deployed = useCallback(({ version, outcome }: { version: string; outcome: string }) => {
    say(outcome === "unchanged" ? `${version} was there already` : `Deployed ${version}`);
    onClose();
    onDeployed();
  }, [say, onClose, onDeployed]);
  switch (over?.kind) {
    case "open":
      return <OpenDialog builder={builder} onClose={onClose} />;
    case "describe":
      return <GenerateDialog builder={builder} onClose={onClose} />;
    case "deploy":
      return <DeployDialog builder={builder} onClose={onClose} onDeployed={deployed} />;
    case "add":
      return <AddDialog builder={builder} where={over.where} onClose={onClose} />;
    case undefined:
      return null;
  }
}
