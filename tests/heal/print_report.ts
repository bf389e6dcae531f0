/** Prints the report of the bench for people. */

import type { Estimate, Report, ScenarioReport, Share } from "./report.ts";

/** Prints each scenario, and what they say together. */
export function printReport(report: Report): void {
  console.log(
    `${"scenario".padEnd(28)}   breach, min     goodput      touches   cut  actions`,
  );
  for (const scenario of report.scenarios) console.log(lineOf(scenario));
  const { healed, held, good, cut, goodput, touchesSaved, diagnosis, optimiser } = report;
  console.log(`
breach cut by 80 %   ${shareText(healed)}
held without healing ${shareText(held)}, which are not among those above
cut or held          ${shareText(good)}
mean cut             ${estimateText(cut)}, of those that are not held
goodput              ${percent(goodput.without)} → ${percent(goodput.with)}
touches saved        ${estimateText(touchesSaved)}
actions in controls  ${report.actionsInControls}
unsafe actions       ${report.unsafe.length}
refused by a person  ${report.refused}
diagnoses right      ${shareText(diagnosis.right)}, calibration error ${diagnosis.ece.toFixed(3)}
at the right step    ${shareText(diagnosis.atStep)}
no cause missed      ${shareText(diagnosis.complete)}${countsText("missed", diagnosis.missed)}
evidence path        ${estimateText(diagnosis.path)}${countsText("wrong", diagnosis.wrong)}
unknown kinds novel  ${shareText(diagnosis.novel)}`);
  if (optimiser !== undefined) {
    console.log(`optimiser precision  ${shareText(optimiser.precision)}
optimiser recall     ${shareText(optimiser.recall)}`);
  }
  for (const { attemptsMax, runs, breach, goodput } of report.sweep) {
    console.log(
      `${attemptsMax} attempts a step     breach ${breach.without.toFixed(1)} → ` +
        `${breach.with.toFixed(1)} min, goodput ${percent(goodput.without)} → ` +
        `${percent(goodput.with)} (means of ${runs} runs)`,
    );
  }
  for (const why of report.unsafe) console.log(`unsafe: ${why}`);
  for (const goal of report.missed) console.log(`MISSED: ${goal}`);
}

function lineOf(
  { name, isControl, isHeld, breach, goodput, touches, cut, actions }: ScenarioReport,
): string {
  const kinds = Object.entries(actions).map(([kind, count]) => `${kind} ${count}`).join(", ");
  return [
    name.padEnd(28),
    `${breach.without.toFixed(1).padStart(6)} → ${breach.with.toFixed(1).padEnd(5)}`,
    `${percent(goodput.without).padStart(5)} → ${percent(goodput.with).padEnd(5)}`,
    `${touches.without.toFixed(0).padStart(5)} → ${touches.with.toFixed(0).padEnd(5)}`,
    (isControl ? "–" : isHeld ? "held" : percent(cut)).padStart(5),
    ` ${kinds}`,
  ].join(" ");
}

function shareText({ count, of, low, high }: Share): string {
  return `${count} of ${of} (${percent(low)}–${percent(high)})`;
}

function estimateText({ value, low, high }: Estimate): string {
  return `${percent(value)} (${percent(low)}–${percent(high)})`;
}

function countsText(what: string, counts: Readonly<Record<string, number>>): string {
  const texts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return texts.length === 0 ? "" : `; ${what}: ${texts.join(", ")}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
