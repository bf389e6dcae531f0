/** Webhooks and triggers: events that go out, and events that come in. */

import { Link, Route, Switch, useParams, useSearchParams } from "wouter";
import { EVERYTHING } from "../../src/core/api_key.ts";
import { useMay, useSession } from "../data/session.tsx";
import { Page } from "../kit/page.tsx";
import { Tabs } from "../kit/tabs.tsx";
import { Triggers } from "./webhooks/triggers.tsx";
import { WebhookView } from "./webhooks/webhook_view.tsx";
import { WebhookList } from "./webhooks/webhook_list.tsx";

/** The page at `/webhooks`; `/webhooks/NAME` shows one, and `?tab=triggers` opens that tab. */
export default function WebhooksPage() {
  return (
    <Switch>
      <Route path="/:name">
        <One />
      </Route>
      <Route>
        <Both />
      </Route>
    </Switch>
  );
}

function One() {
  const { name = "" } = useParams();
  return (
    <Page title={`Webhook ${name}`} actions={<Link href="/">All webhooks</Link>}>
      <WebhookView key={name} name={name} />
    </Page>
  );
}

function Both() {
  const [search, setSearch] = useSearchParams();
  const { namespaces } = useSession();
  // A webhook is about all namespaces, and its URL is a secret.
  const maySeeWebhooks = useMay("admin") && namespaces.includes(EVERYTHING);
  const tabs = [
    ...(maySeeWebhooks ? [{ key: "webhooks", title: "Webhooks", content: <WebhookList /> }] : []),
    { key: "triggers", title: "Triggers", content: <Triggers /> },
  ];
  const asked = search.get("tab") ?? "webhooks";
  return (
    <Page title="Webhooks and triggers">
      <Tabs
        label="Events"
        tabs={tabs}
        chosen={tabs.some(({ key }) => key === asked) ? asked : "triggers"}
        onChoose={(tab) => setSearch({ tab }, { replace: true })}
      />
      {!maySeeWebhooks && (
        <p className="muted">
          Webhooks, by which events go out, are shown to keys with admin for all namespaces.
        </p>
      )}
    </Page>
  );
}
