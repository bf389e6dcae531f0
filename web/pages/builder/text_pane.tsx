/** The text of the document, in an editor that keeps no history of its own. */

import { defaultKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { Annotation, EditorState } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import type { Problem } from "../../../src/core/authoring.ts";
import { spliceBetween } from "./session.ts";
import type { Builder } from "./use_builder.ts";

/** Marks a change of the editor that came from the session. */
const FromSession = Annotation.define<boolean>();

/** The editor. What is typed goes to the session; what gestures change is spliced in, so the cursor stays. */
export default function TextPane({ builder, line }: {
  readonly builder: Builder;
  /** A line to be shown. */
  readonly line: number | undefined;
}) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const newest = useRef(builder);
  newest.current = builder;
  const { text } = builder.session;
  useEffect(() => {
    if (host.current === null) return;
    const made = openEditor(host.current, newest);
    view.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => {
    if (view.current !== undefined) show(view.current, text);
  }, [text]);
  useEffect(() => {
    const editor = view.current;
    if (editor === undefined) return;
    editor.dispatch(setDiagnostics(editor.state, diagnosticsOf(editor.state, builder.problems)));
  }, [builder.problems, text]);
  useEffect(() => {
    const editor = view.current;
    if (editor === undefined || line === undefined || line > editor.state.doc.lines) return;
    const { from } = editor.state.doc.line(line);
    editor.dispatch({
      selection: { anchor: from },
      effects: EditorView.scrollIntoView(from, { y: "center" }),
    });
  }, [line]);
  return <div className="text-pane" ref={host} />;
}

/** The policy of the page refuses the style elements that the editor makes; in a shadow root it makes none. */
function openEditor(host: HTMLElement, builder: { readonly current: Builder }): EditorView {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const typed = EditorView.updateListener.of(({ docChanged, transactions, state }) => {
    const isOurs = transactions.some((one) => one.annotation(FromSession) === true);
    if (docChanged && !isOurs) builder.current.type(state.doc.toString());
  });
  const does = (run: () => void) => () => {
    run();
    return true;
  };
  const parent = document.createElement("div");
  parent.className = "host";
  root.replaceChildren(parent);
  return new EditorView({
    root,
    parent,
    state: EditorState.create({
      doc: builder.current.session.text,
      extensions: [
        lineNumbers(),
        lintGutter(),
        drawSelection(),
        highlightActiveLine(),
        yaml(),
        indentUnit.of("  "),
        syntaxHighlighting(COLOURS),
        THEME,
        EditorView.contentAttributes.of({
          "aria-label": "Text of the workflow, YAML",
          tabindex: "0",
        }),
        keymap.of([
          { key: "Mod-z", run: does(() => builder.current.undo()), preventDefault: true },
          { key: "Mod-y", run: does(() => builder.current.redo()), preventDefault: true },
          { key: "Mod-Shift-z", run: does(() => builder.current.redo()), preventDefault: true },
          ...defaultKeymap,
        ]),
        typed,
      ],
    }),
  });
}

/** Changes only the part of the editor that is different. */
function show(editor: EditorView, text: string): void {
  const before = editor.state.doc.toString();
  if (before === text) return;
  const { from, removed, inserted } = spliceBetween(before, text);
  editor.dispatch({
    changes: { from, to: from + removed.length, insert: inserted },
    annotations: FromSession.of(true),
  });
}

function diagnosticsOf({ doc }: EditorState, problems: readonly Problem[]): Diagnostic[] {
  return problems.flatMap(({ at, code, text, severity }) => {
    if (at === undefined || at.line > doc.lines) return [];
    const line = doc.line(at.line);
    const from = Math.min(line.from + at.column - 1, line.to);
    return [{ from, to: line.to, severity, message: `${code} ${text}` }];
  }).sort((a, b) => a.from - b.from);
}

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.content], color: "var(--text)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--good)" },
  { tag: tags.punctuation, color: "var(--muted)" },
]);

const THEME = EditorView.theme({
  "&": {
    height: "100%",
    fontSize: "12.5px",
    backgroundColor: "var(--panel)",
    color: "var(--text)",
  },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-gutters": {
    backgroundColor: "var(--panel)",
    color: "var(--muted)",
    borderRight: "1px solid var(--line)",
  },
  ".cm-activeLine, .cm-activeLineGutter": {
    backgroundColor: "color-mix(in srgb, var(--raised) 60%, transparent)",
  },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground":
    {
      backgroundColor: "color-mix(in srgb, var(--accent) 25%, transparent)",
    },
  ".cm-tooltip": {
    backgroundColor: "var(--panel)",
    color: "var(--text)",
    border: "1px solid var(--line-strong)",
    fontFamily: "var(--font)",
  },
});
