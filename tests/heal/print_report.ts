/** Prints the report of the bench for people. */

import type { Report, ScenarioReport, Share } from "./report.ts";

/** Prints each scenario, and what they say together. */
export function printReport(report: Report): void {
  console.log(
    `${"scenario".padEnd(28)}   breach, min     goodput      touches   cut  actions`,
  );
  for (const scenario of report.scenarios) console.log(lineOf(scenario));
  const { healed, cut, goodput, touchesSaved, diagnosis } = report;
  console.log(`
breach cut by 80 %   ${shareText(healed)}
mean cut             ${percent(cut.mean)} (${percent(cut.low)}–${percent(cut.high)})
goodput              ${percent(goodput.without)} → ${percent(goodput.with)}
touches saved        ${percent(touchesSaved.share)} (${percent(touchesSaved.low)}–${
    percent(touchesSaved.high)
  })
actions in controls  ${report.actionsInControls}
unsafe actions       ${report.unsafe.length}
diagnoses right      ${shareText(diagnosis.right)}, calibration error ${diagnosis.ece.toFixed(3)}
at the right step    ${shareText(diagnosis.atStep)}
with evidence        ${shareText(diagnosis.withEvidence)}
unknown kinds novel  ${shareText(diagnosis.novel)}`);
  for (const { attemptsMax, runs, breach } of report.sweep) {
    console.log(
      `${attemptsMax} attempts a step     breach ${breach.without.toFixed(1)} → ` +
        `${breach.with.toFixed(1)} min a run, ${runs} runs`,
    );
  }
  for (const why of report.unsafe) console.log(`unsafe: ${why}`);
  for (const goal of report.missed) console.log(`MISSED: ${goal}`);
}

function lineOf(
  { name, isControl, breach, goodput, touches, cut, actions }: ScenarioReport,
): string {
  const kinds = Object.entries(actions).map(([kind, count]) => `${kind} ${count}`).join(", ");
  return [
    name.padEnd(28),
    `${breach.without.toFixed(1).padStart(6)} → ${breach.with.toFixed(1).padEnd(5)}`,
    `${percent(goodput.without).padStart(5)} → ${percent(goodput.with).padEnd(5)}`,
    `${touches.without.toFixed(0).padStart(5)} → ${touches.with.toFixed(0).padEnd(5)}`,
    (isControl ? "–" : percent(cut)).padStart(5),
    ` ${kinds}`,
  ].join(" ");
}

function shareText({ count, of, low, high }: Share): string {
  return `${count} of ${of} (${percent(low)}–${percent(high)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
