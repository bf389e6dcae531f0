/** The form of one edge: what goes over it, and what can be done about it. */

import { stepsOf } from "../../../src/author/document.ts";
import { referencesIn } from "../../../src/author/references.ts";
import { pathText } from "../../../src/core/mapping.ts";
import type { EdgeEnds } from "../../graph/graph_model.ts";
import { Button } from "../../kit/button.tsx";
import { disconnect } from "./gestures.ts";
import type { Builder } from "./use_builder.ts";

/** An edge, with the fields that are read over it. */
export function EdgeForm({ builder, edge, onInsert }: {
  readonly builder: Builder;
  readonly edge: EdgeEnds;
  readonly onInsert: () => void;
}) {
  const { value, make } = builder;
  const { from, to } = edge;
  const fields = stepsOf(value).find(({ name }) => name === to)?.fields ?? {};
  const read = referencesIn(fields).filter(({ root }) => root === from);
  return (
    <div className="inspector">
      <h2>{to} waits for {from}</h2>
      {read.length > 0 && (
        <ul>
          {read.map(({ path, root, keys }) => (
            <li key={JSON.stringify(path)}>
              <code>{path.join(".")}</code> reads <code>$.{pathText({ root, path: keys })}</code>
            </li>
          ))}
        </ul>
      )}
      <div className="row">
        <Button onPress={onInsert}>Insert a step …</Button>
        <Button kind="danger" onPress={() => make(disconnect(value, edge))}>Disconnect</Button>
      </div>
    </div>
  );
}
