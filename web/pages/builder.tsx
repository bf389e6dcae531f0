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
import { ClientError } from "../../src/client.ts";
import { useClient } from "../data/client.tsx";
import { StepGraph } from "../graph/step_graph.tsx";
import { adoptCss } from "../kit/adopt_css.ts";
import { Button } from "../kit/button.tsx";
import { EmptyState } from "../kit/empty_state.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import { Page } from "../kit/page.tsx";
import { type Tab, Tabs } from "../kit/tabs.tsx";
import { AddDialog, type Where } from "./builder/add_dialog.tsx";
import css from "./builder/builder.css" with { type: "text" };
import { DeployDialog } from "./builder/deploy_dialog.tsx";
import { graphOfDocument } from "./builder/document_graph.ts";
import { EdgeForm } from "./builder/edge_form.tsx";
import { GenerateDialog } from "./builder/generate_dialog.tsx";
import { connect, disconnect, removeStep } from "./builder/gestures.ts";
import { baseOf, NewerNote } from "./builder/newer_note.tsx";
import { OpenDialog } from "./builder/open_dialog.tsx";
import { Outline } from "./builder/outline.tsx";
import { type Shown, useOverlay, withOverlay } from "./builder/overlay.ts";
import { ProblemsList } from "./builder/problems_list.tsx";
import { RehearsalPane } from "./builder/rehearsal_pane.tsx";
import { StepForm } from "./builder/step_form.tsx";
import { TasksPane } from "./builder/tasks_pane.tsx";
import { Toolbar } from "./builder/toolbar.tsx";
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
        <New />
      </Route>
    </Switch>
  );
}

function New() {
  return <Workbench builder={useBuilder()} />;
}

function Deployed() {
  const { namespace = "", name = "" } = useParams();
  return <Opened key={`${namespace}/${name}`} namespace={namespace} name={name} />;
}

/** Opens what is deployed, unless a draft of it is kept here. */
function Opened({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  const builder = useBuilder(`${namespace}/${name}`);
  const client = useClient();
  const [error, setError] = useState<Error>();
  const { base, replace } = builder;
  const isKept = base !== undefined;
  useEffect(() => {
    if (isKept) return;
    const abort = new AbortController();
    client.call("workflowSource", { namespace, name }, { signal: abort.signal }).then(
      (source) =>
        replace(source.text, {
          file: `${name}.yaml`,
          label: `Open ${namespace}/${name}`,
          base: baseOf(source),
        }),
      (thrown: Error) => abort.signal.aborted || setError(thrown),
    );
    return () => abort.abort();
  }, [client, isKept, namespace, name, replace]);
  if (error !== undefined) {
    return (
      <Page title="Builder">
        {isUndeployed(error)
          ? (
            <EmptyState title={`${namespace}/${name} was not deployed as a document`}>
              Either files of the server define it, and it is changed in them, or there is no such
              workflow.
            </EmptyState>
          )
          : <ErrorNote error={error} />}
        <div className="row">
          <a href={`/workflows/${namespace}/${name}`}>Look at {namespace}/{name}</a>
          <a href="/builder">Build a new workflow</a>
        </div>
      </Page>
    );
  }
  if (!isKept) return <p className="muted pad" role="status">Opening {namespace}/{name} …</p>;
  return <Workbench builder={builder} />;
}

function isUndeployed(error: unknown): boolean {
  return error instanceof ClientError &&
    ["definition.unknown", "definition.in_file"].includes(error.code);
}

/** What is open over the page. */
type Over =
  | { readonly kind: "open" | "describe" | "deploy" }
  | { readonly kind: "add"; readonly where: Where };

/** What a narrow screen shows of the workbench. */
const PANES = { outline: "Outline", canvas: "Canvas", side: "Details" } as const;

type Pane = keyof typeof PANES;

function Workbench({ builder }: { readonly builder: Builder }) {
  const [over, setOver] = useState<Over>();
  const [view, setView] = useState("step");
  const [pane, setPane] = useState<Pane>("outline");
  const [shown, setShown] = useState<Shown>();
  const [line, setLine] = useState<number>();
  const look = (next: string) => {
    setView(next);
    setPane("side");
  };
  const show = ({ at }: Problem) => {
    setLine(at?.line);
    look("text");
  };
  return (
    <Page
      title="Builder"
      actions={<Toolbar builder={builder} onOpen={(kind) => setOver({ kind })} />}
    >
      <NewerNote builder={builder} />
      <Panes pane={pane} onChoose={setPane} />
      <div className="builder" data-pane={pane} onKeyDown={(event) => undoByKeys(event, builder)}>
        <OutlinePane builder={builder} onAdd={setOver} onOpen={() => look("step")} />
        <CanvasPane builder={builder} shown={shown} onShow={setShown} onOver={setOver} />
        <section className="builder-side" aria-label="Details">
          <Tabs
            label="Details"
            chosen={view}
            onChoose={setView}
            tabs={viewsOf({ builder, add: setOver, show, shown, setShown, line })}
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
        onDeployed={() => look("tasks")}
      />
    </Page>
  );
}

/** On a narrow screen one part is seen at a time. */
function Panes({ pane, onChoose }: {
  readonly pane: Pane;
  readonly onChoose: (pane: Pane) => void;
}) {
  return (
    <div className="builder-panes" role="group" aria-label="What is shown">
      {Object.entries(PANES).map(([key, title]) => (
        <button
          key={key}
          type="button"
          aria-pressed={key === pane}
          onClick={() => onChoose(key as Pane)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

function OutlinePane({ builder, onAdd, onOpen }: {
  readonly builder: Builder;
  readonly onAdd: (over: Over) => void;
  readonly onOpen: () => void;
}) {
  return (
    <section className="builder-outline" aria-label="Outline">
      <div className="row">
        <Button kind="primary" onPress={() => onAdd({ kind: "add", where: whereOf(builder) })}>
          Add a step …
        </Button>
        <Button
          onPress={() => {
            builder.select(undefined);
            onOpen();
          }}
        >
          Workflow
        </Button>
      </div>
      <Outline builder={builder} onOpen={onOpen} />
    </section>
  );
}

/** A new step goes behind what is selected. */
function whereOf({ selection, value }: Builder): Where {
  if (selection?.kind === "edge") return selection;
  const name = selection?.name ?? stepsOf(value).at(-1)?.name;
  return name === undefined ? { kind: "end" } : { kind: "after", name };
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

function CanvasPane({ builder, shown, onShow, onOver }: {
  readonly builder: Builder;
  readonly shown: Shown | undefined;
  readonly onShow: (shown: undefined) => void;
  readonly onOver: (over: Over) => void;
}) {
  const { value, problems, selection, select, make, session } = builder;
  const overlay = useOverlay(shown);
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
          {overlay.title} <Button onPress={() => onShow(undefined)}>Hide</Button>
        </p>
      )}
      {!session.reading.ok && (
        <p className="builder-overlay bad" role="status">
          The text cannot be read: this is what it said before.
        </p>
      )}
      {steps.length === 0 ? <EmptyCanvas onOver={onOver} /> : (
        <StepGraph
          label={`Steps of ${String(value.name ?? "the workflow")}`}
          steps={steps}
          edges={graph.edges}
          selected={selection?.kind === "step" ? selection.name : undefined}
          onSelect={(name) => select(name === undefined ? undefined : { kind: "step", name })}
          selectedEdge={selection?.kind === "edge" ? selection.edge : undefined}
          onSelectEdge={(edge) => select({ kind: "edge", edge })}
          onConnect={(edge) => make(connect(value, edge))}
          onRemove={remove}
        />
      )}
    </section>
  );
}

function EmptyCanvas({ onOver }: { readonly onOver: (over: Over) => void }) {
  return (
    <div className="builder-empty">
      <EmptyState title="Begin with a step">
        <p>Take one from what is registered, say in words what is to be done, or open a file.</p>
        <div className="row">
          <Button onPress={() => onOver({ kind: "add", where: { kind: "end" } })}>
            Choose a step
          </Button>
          <Button onPress={() => onOver({ kind: "describe" })}>Say it in words</Button>
          <Button onPress={() => onOver({ kind: "open" })}>Open a file</Button>
        </div>
      </EmptyState>
    </div>
  );
}

function viewsOf({ builder, add, show, shown, setShown, line }: {
  readonly builder: Builder;
  readonly add: (over: Over) => void;
  readonly show: (problem: Problem) => void;
  readonly shown: Shown | undefined;
  readonly setShown: (shown: Shown | undefined) => void;
  readonly line: number | undefined;
}): readonly Tab[] {
  const { problems, selection } = builder;
  const count = problems.length === 0 ? "" : ` ${problems.length}`;
  const text = (
    <Suspense fallback={<p className="muted pad">Loading …</p>}>
      <TextPane builder={builder} line={line} />
    </Suspense>
  );
  const chosen = shown?.kind === "task" ? shown.id : undefined;
  return [
    { key: "step", title: titleOf(selection), content: <Inspector builder={builder} add={add} /> },
    { key: "text", title: "Text", content: text },
    {
      key: "problems",
      title: `Problems${count}`,
      content: <ProblemsList builder={builder} onShow={show} />,
    },
    { key: "run", title: "Run", content: <RehearsalPane builder={builder} onShow={setShown} /> },
    {
      key: "tasks",
      title: "Tasks",
      content: (
        <TasksPane
          builder={builder}
          chosen={chosen}
          onChoose={(id) => setShown({ kind: "task", id })}
        />
      ),
    },
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
