// Validates the samples with the schemas, with Ajv. Writes the bodies and the results to
// bodies.json, which check.py reads.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import addFormats from 'ajv-formats'
import patches from 'fast-json-patch'

const require = createRequire(import.meta.url)
const Ajv = require('ajv/dist/2020').default
const samples = process.env.ROOT + '/passport-service/samples/'
const folder = process.env.ROOT + '/docs/schemas/bp-2027-02/'
const read = (path) => JSON.parse(readFileSync(path))

const complete = Object.keys(read(samples + 'expected.json'))
const refused = new Set(read(samples + 'structure-errors.json').cases.map((c) => c.case))
const bodies = complete.map((name) => ({ name, base: name, body: read(samples + name), complete: true, draft: true }))
bodies.push({ name: 'readme-sample.json', base: 'readme-sample.json', body: read(samples + 'readme-sample.json'), complete: false, draft: true })
for (const { name, base, patch } of read(samples + 'invalid-cases.json').cases) {
  const body = patches.applyPatch(read(samples + base), patch).newDocument
  bodies.push({ name, base, body, complete: false, draft: !refused.has(name), invalid: true })
}
for (const b of bodies) {
  const category = read(samples + b.base).data.generalInformation.batteryCategory.toLowerCase()
  b.schemas = { draft: ['draft.json', category + '-draft.json'], publish: ['publish.json', category + '-publish.json'] }
}

const ajv = addFormats(new Ajv({ strict: true, allErrors: true }))
const validators = {}
for (const file of readdirSync(folder)) validators[file] = ajv.compile(read(folder + file))

const problems = []
for (const b of bodies) {
  b.errors = {}
  for (const purpose of ['draft', 'publish']) {
    const results = b.schemas[purpose].map((file) => [file, validators[file](b.body), validators[file].errors])
    if (results[0][1] !== results[1][1]) problems.push(`${b.name}: ${results.map(([file, valid]) => `${file}: ${valid}`)}`)
    b.errors[purpose] = results.filter(([, valid]) => !valid).map(([file, , errors]) => `${file}: ${ajv.errorsText(errors)}`)
  }
  if (b.draft && b.errors.draft.length) problems.push(`${b.name}: a valid draft is refused: ${b.errors.draft}`)
  if (!b.draft && !b.errors.draft.length) problems.push(`${b.name}: an invalid draft is accepted`)
  if (b.complete && b.errors.publish.length) problems.push(`${b.name}: a complete passport is refused: ${b.errors.publish}`)
}
writeFileSync('bodies.json', JSON.stringify(bodies))
if (problems.length) {
  console.error(problems.join('\n'))
  process.exit(1)
}
console.log(`Ajv: ${Object.keys(validators).length} schemas are valid in strict mode, and accept ${complete.length} complete passports`)
