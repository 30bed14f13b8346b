import { readFileSync, writeFileSync } from 'node:fs'
import prettier from 'prettier'
import { configJsonSchema } from './config-schema/config-schema.js'

/*
 * Writes the JSON Schema of configuration files; with --check, only says whether it is up to date.
 */

const FILE = 'schemas/config.schema.json'

const options = await prettier.resolveConfig(FILE)
const text = await prettier.format(JSON.stringify(configJsonSchema()), { ...options, filepath: FILE })
if (!process.argv.includes('--check')) writeFileSync(FILE, text)
else if (readFileSync(FILE, 'utf8') !== text) {
  console.error(`${FILE} is stale: run npm run schema`)
  process.exitCode = 1
}
