import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
let packed: ReadonlySet<string>
const pages = new Map<string, string>()

beforeAll(async () => {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root, maxBuffer: 2 ** 26 })
  const [tarball] = JSON.parse(stdout) as [{ files: { path: string }[] }]
  packed = new Set(tarball.files.map(({ path }) => path))
  for (const path of packed) {
    // Built files have comments, not pages.
    if (path.endsWith('.md') && !path.startsWith('dist/')) {
      pages.set(path, await readFile(join(root, path), 'utf8'))
    }
  }
})

/** Without code, in which brackets mean something else. */
function prose(page: string): string {
  return page.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, 'code')
}

/** The anchors of a page, as GitHub and npm make them from headings. */
function anchors(page: string): Set<string> {
  const seen = new Map<string, number>()
  const headings = page.replaceAll(/^```.*?^```/gms, '').matchAll(/^#{1,6} +(.+)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) => {
      const slug = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-')
      const before = seen.get(slug) ?? 0
      seen.set(slug, before + 1)
      return before === 0 ? slug : `${slug}-${String(before)}`
    }),
  )
}

it('every link of the packed README and docs leads to a file of the package, and to a heading that exists', () => {
  expect([...pages.keys()]).toEqual(expect.arrayContaining(['README.md', 'docs/format.md']))
  const links = [...pages].flatMap(([from, page]) =>
    [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => ({ from, link })),
  )
  expect(links.length).toBeGreaterThan(20)
  const dead = links.filter(({ from, link }) => {
    if (/^[a-z]+:/.test(link)) return false
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? from : posix.normalize(posix.join(posix.dirname(from), path))
    if (!packed.has(target)) return true
    return anchor !== undefined && !anchors(pages.get(target) ?? '').has(anchor)
  })
  expect(dead).toEqual([])
})
