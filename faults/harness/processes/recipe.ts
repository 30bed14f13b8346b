/** A process that runs the program "Exactly once" of docs/recipes.md; only its imports and names are replaced. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { serve, setup as given, tell } from './process.js'
import { stop } from './recipe-parts.js'
import type { RecipeSetup } from './setup.js'

const PAGE = 'docs/recipes.md'
const parts = new URL('recipe-parts.js', import.meta.url).href

const { name, folder, from, to } = given() as RecipeSetup
serve({ end: () => void stop() })
const page = await readFile(PAGE, 'utf8')
const program = [...page.matchAll(/^```ts\n(.*?)^```/gms)]
  .map(([, code = '']) => code)
  .find((code) => code.includes('sendOffsets'))
if (program === undefined) throw new Error(`${PAGE} has no program that sends offsets`)
const { outputText } = ts.transpileModule(
  program
    .replaceAll(/(?<= from )'kafka(js|-envelope.*)'/g, () => JSON.stringify(parts))
    .replaceAll("'orders'", () => JSON.stringify(from))
    .replaceAll("'invoices'", () => JSON.stringify(to))
    .replaceAll("'invoicing'", () => JSON.stringify(`${from}.invoicing`)),
  { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } },
)
const path = join(folder, `${name}.mjs`)
await writeFile(path, outputText)
await import(pathToFileURL(path).href)
tell('ready')
