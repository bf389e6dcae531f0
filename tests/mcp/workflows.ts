/** Workflows behind the fixtures of the conformance suite: its tasks are tasks of Tasker. */

/** A manifest for each fixture that goes on as a task, by the name of its file. */
export const MANIFESTS: Readonly<Record<string, string>> = {
  "slow_compute.yaml": `
name: slow_compute
namespace: conformance
version: 1.0.0
input: { type: object, required: [pause], properties: { pause: { type: string }, label: { type: string } } }
workflow_steps:
  - { name: compute, sleep: $.input.pause }
  - { name: say, depends_on: compute, transform: { text: computed } }
output: { with: { text: $.say.text } }
`,
  "failing.yaml": `
name: failing
namespace: conformance
version: 1.0.0
workflow_steps:
  - { name: rest, sleep: 500ms }
  - { name: fail, depends_on: rest, signal: { timeout: 200ms, on_timeout: fail } }
`,
  "confirm_delete.yaml": `
name: confirm_delete
namespace: conformance
version: 1.0.0
input: { type: object, properties: { filename: { type: string } } }
workflow_steps:
  - { name: confirm, signal: { form: { type: object, properties: { name: { type: string }, confirm: { type: boolean } } } } }
`,
  "multi_input.yaml": `
name: multi_input
namespace: conformance
version: 1.0.0
workflow_steps:
  - { name: first, signal: { form: { type: object, properties: { name: { type: string } } } } }
  - { name: second, signal: { form: { type: object, properties: { name: { type: string } } } } }
`,
  "broken_output.yaml": `
name: broken_output
namespace: conformance
version: 1.0.0
workflow_steps:
  - { name: rest, sleep: 200ms }
  - { name: make, depends_on: rest, transform: { text: short } }
output:
  with: { text: $.make.text }
  result: { type: object, properties: { text: { type: string, minLength: 10 } } }
`,
  "greeting.yaml": `
name: greeting
namespace: conformance
version: 1.0.0
input: { type: object, required: [name], properties: { name: { type: string } } }
workflow_steps:
  - { name: rest, sleep: 200ms }
  - { name: greet, depends_on: rest, transform: { text: 'Hello, \${input.name}!' } }
output: { with: { text: $.greet.text } }
`,
};
