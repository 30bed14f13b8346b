import { readFileSync, writeFileSync } from 'node:fs'
import prettier from 'prettier'
import { configJsonSchema } from './config-schema/config-schema.js'
import { withMembers } from './config-schema/members-page.js'

/*
 * Writes the JSON Schema of configuration files, and the list of their members in the documentation; with --check, only
 * reports whether both are up to date.
 */

const SCHEMA = 'schemas/config.schema.json'
const PAGE = 'docs/configuration.md'

const schema = configJsonSchema()
await write(SCHEMA, JSON.stringify(schema))
await write(PAGE, withMembers(readFileSync(PAGE, 'utf8'), schema))

async function write(file: string, text: string): Promise<void> {
  const formatted = await prettier.format(text, { ...(await prettier.resolveConfig(file)), filepath: file })
  if (!process.argv.includes('--check')) writeFileSync(file, formatted)
  else if (readFileSync(file, 'utf8') !== formatted) {
    console.error(`${file} is stale: run npm run schema`)
    process.exitCode = 1
  }
}
