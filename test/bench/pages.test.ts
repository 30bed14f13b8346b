import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { pages } from '../../bench/pages/pages.js'

it('the charts and tables show the newest results that are committed', async () => {
  for (const [file, text] of await pages())
    expect(await readFile(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8'), file).toBe(text)
})
