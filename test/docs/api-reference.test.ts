import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const json = async (path: string): Promise<unknown> =>
  JSON.parse(await readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8'))

it('the API reference has every entry of the package', async () => {
  const { exports } = (await json('package.json')) as {
    exports: Record<string, { import?: { default: string } }>
  }
  const sources = Object.values(exports).flatMap(({ import: built }) =>
    built === undefined ? [] : [built.default.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts')],
  )
  const { entryPoints } = (await json('typedoc.json')) as { entryPoints: string[] }
  expect([...entryPoints].sort()).toEqual(sources.sort())
})
