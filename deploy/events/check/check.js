// Validates docs/asyncapi.json with the parser of AsyncAPI, and reads the sample of each
// event with the CloudEvents SDK; the payload must match the schema in dataschema.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fromFile, Parser } from '@asyncapi/parser'
import addFormats from 'ajv-formats'
import { Kafka } from 'cloudevents'

const require = createRequire(import.meta.url)
const Ajv = require('ajv/dist/2020').default
const root = process.env.ROOT + '/'
const problems = []

const { document, diagnostics } = await fromFile(new Parser(), root + 'docs/asyncapi.json').parse()
for (const d of diagnostics) problems.push(`asyncapi.json: ${d.path.join('.')}: ${d.message}`)

const ajv = addFormats(new Ajv({ strict: true, allErrors: true }))
const schemas = readdirSync(root + 'docs/events').map((file) => JSON.parse(readFileSync(`${root}docs/events/${file}`)))
for (const schema of schemas) ajv.addSchema(schema)

const samples = readdirSync(root + 'pkg/event/testdata').filter((file) => file.endsWith('.golden'))
for (const file of samples) {
  const [head, value] = readFileSync(`${root}pkg/event/testdata/${file}`, 'utf8').split('\n\n')
  const lines = head.split('\n').map((line) => line.split(/: (.*)/s))
  const { topic, key, ...headers } = Object.fromEntries(lines)
  const event = Kafka.toEvent({ headers, key, value, body: value })
  const validate = ajv.getSchema(event.dataschema)
  if (!event.validate() || event.type !== topic || event.subject !== key) problems.push(`${file}: not a CloudEvent of the topic`)
  if (!validate) problems.push(`${file}: unknown dataschema ${event.dataschema}`)
  else if (!validate(event.data)) problems.push(`${file}: ${ajv.errorsText(validate.errors)}`)
  if (validate?.(Object.fromEntries(Object.entries(event.data).slice(1)))) problems.push(`${file}: the schema accepts an event without its id`)
  if (!document?.allChannels().all().some((channel) => channel.address() === topic)) problems.push(`${file}: no channel`)
}
if (problems.length || samples.length !== schemas.length) {
  console.error([...problems, `${samples.length} samples, ${schemas.length} schemas`].join('\n'))
  process.exit(1)
}
console.log(`asyncapi.json is valid; ${samples.length} events read by the CloudEvents SDK match their schemas`)
