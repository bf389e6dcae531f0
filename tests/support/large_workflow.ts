/** A workflow as large as one may be that people still look at. */

/** 500 steps and 1,000 edges, as wide as they are deep. */
export function largeText(): string {
  const steps = Array.from({ length: 500 }, (_, at) => {
    const parents = [at - 1 - (at % 7), at - 2 - ((at * 5) % 11)].filter((one) => one >= 0);
    const names = [...new Set(parents)].map((one) => `s${one}`).join(", ");
    return `  - { name: s${at}, depends_on: [${names}], sleep: 1s }\n`;
  });
  return `name: large\nversion: 1.0.0\nworkflow_steps:\n${steps.join("")}`;
}
