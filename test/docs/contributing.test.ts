import { execFileSync } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = await readFile(join(root, 'CONTRIBUTING.md'), 'utf8')

/** The folders of the repository, two deep: `src/`, `src/kms/`. */
const folders = new Set(
  execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .flatMap((path) => {
      const [top = '', below = '', deeper] = path.split('/')
      return deeper === undefined ? (below === '' ? [] : [`${top}/`]) : [`${top}/`, `${top}/${below}/`]
    }),
)

it('CONTRIBUTING names every folder, and in src/ and its mirror in test/ every subfolder', () => {
  const named = (folder: string): boolean => page.includes(`\`${folder}\``)
  const isHome = (folder: string): boolean => folder === 'src/'
  const isMirror = (folder: string): boolean => folders.has(folder.replace(/^test\//, 'src/'))
  expect([...folders].filter((folder) => !named(folder) && !isHome(folder) && !isMirror(folder))).toEqual([])
})

it('CONTRIBUTING names no folder and no file that does not exist', () => {
  const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n')
  const built = ['dist/', 'reports/api/']
  const paths = [...page.matchAll(/`([\w.-]+\/[\w./-]*)`/g)].map(([, path = '']) => path)
  expect(paths.length).toBeGreaterThan(30)
  // Some name a subfolder of the folder that the line is about.
  const exists = (path: string): boolean =>
    built.includes(path) || tracked.some((file) => file.startsWith(path) || file.includes(`/${path}`))
  expect(paths.filter((path) => !exists(path))).toEqual([])
})

it('the pages name no npm script that does not exist', async () => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const docs = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md'))
  const names = ['CONTRIBUTING.md', 'README.md', 'SECURITY.md', ...docs.map((name) => `docs/${name}`)]
  const found: string[] = []
  for (const name of names) {
    const text = await readFile(join(root, name), 'utf8')
    for (const [, script = ''] of text.matchAll(/npm run ([\w:-]+)/g)) {
      if (!Object.hasOwn(scripts, script)) found.push(`${name}: ${script}`)
    }
  }
  expect(found).toEqual([])
})
