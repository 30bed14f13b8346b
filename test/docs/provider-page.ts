import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface ProviderPage {
  readonly page: string
  /** The service's codes that the provider distinguishes. */
  readonly codes: readonly string[]
  readonly entry: string
  readonly source: string
  /** What is replaced in snippets before they run. */
  readonly replaced: readonly (readonly [pattern: RegExp, by: string])[]
}

/** The page of a provider has a row for each code, and its TypeScript runs. */
export async function describeProviderPage({
  page,
  codes,
  entry,
  source,
  replaced,
}: ProviderPage): Promise<void> {
  const text = await readFile(join(root, page), 'utf8')
  const snippets = [...text.matchAll(/^( *)```ts\n(.*?)^\1```/gms)].map(([, indent = '', code = '']) =>
    code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )

  describe(page, () => {
    it(`${page} has a row for every code of the service that this library distinguishes`, () => {
      expect(codes.filter((code) => !text.includes(`\`${code}\``))).toEqual([])
    })

    it.each(snippets.map((code, at) => [at + 1, code] as const))(
      `${page} runs its TypeScript snippet %i`,
      async (_, code) => {
        const folder = await mkdtemp(join(root, 'test/.docs-'))
        try {
          const script = join(folder, 'snippet.ts')
          const runs = [
            ["'kafka-envelope'", `'${root}src/index.ts'`] as const,
            [`'${entry}'`, `'${root}${source}'`] as const,
            // There is no KMS here, so nothing can be proved about it.
            ['await encryption.verify()', ''] as const,
            ...replaced,
          ].reduce((snippet, [from, to]) => snippet.replace(from, to), code)
          await writeFile(
            script,
            `${runs}\nif (typeof encryption !== 'undefined') await encryption.close()\n`,
          )
          await promisify(execFile)(process.execPath, ['--import', 'tsx', script], { timeout: 60_000 })
        } finally {
          await rm(folder, { recursive: true, force: true })
        }
      },
    )
  })
}
