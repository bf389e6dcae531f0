/** Says how fresh the page is: what is old is never shown as if it were live. */

import { useFeed } from "../data/feed.tsx";
import { Button } from "../kit/button.tsx";

/** The state of the live feed, and how to pause it. */
export function FreshnessNote() {
  const { freshness, isOld, pause, resume } = useFeed();
  const since = freshness.kind === "live" ? "" : new Date(freshness.sinceMs).toLocaleTimeString();
  return (
    <div className="freshness" role="status">
      {isOld && (
        <p className="state attention">
          The server has a newer version of this page.{" "}
          <Button onPress={() => location.reload()}>Reload</Button>
        </p>
      )}
      {freshness.kind === "live" && (
        <p>
          <span className="state good">live</span> <Button onPress={pause}>Pause</Button>
        </p>
      )}
      {freshness.kind === "paused" && (
        <p>
          <span className="state attention">paused, shown as of {since}</span>{" "}
          <Button onPress={resume}>Resume</Button>
        </p>
      )}
      {freshness.kind === "reconnecting" && (
        <p className="state attention">reconnecting, shown as of {since}</p>
      )}
    </div>
  );
}
