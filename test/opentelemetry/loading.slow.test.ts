import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Every module that a process loads which requires one entry of the package. */
async function loadedBy(entry: string): Promise<string[]> {
  const script = `require(${JSON.stringify(entry)}); console.log(JSON.stringify(Object.keys(require.cache)))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--require', 'tsx/cjs', '-e', script], {
    cwd: root,
  })
  return JSON.parse(stdout) as string[]
}

async function entries(): Promise<[name: string, source: string][]> {
  const { exports } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as {
    exports: Record<string, { import?: { default: string } }>
  }
  return Object.entries(exports).flatMap(([name, { import: { default: built } = { default: '' } }]) =>
    built === '' ? [] : [[name, `${root}${built.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts')}`]],
  )
}

it('nothing of OpenTelemetry is loaded, and nothing of ours for it, unless its entry is imported', async () => {
  const ofTelemetry = (file: string): boolean => file.slice(root.length).includes('opentelemetry')
  const loading = (await entries()).map(async ([name, source]) => {
    const loaded = await loadedBy(source)
    expect(loaded, name).toContain(source)
    return [name, loaded.some(ofTelemetry)]
  })
  const byEntry = Object.fromEntries(await Promise.all(loading)) as Record<string, boolean>
  expect(Object.keys(byEntry)).toEqual(expect.arrayContaining(['.', './record', './opentelemetry']))
  expect(Object.keys(byEntry).filter((name) => byEntry[name])).toEqual(['./opentelemetry'])
})

it('the entry for OpenTelemetry loads its API alone: no SDK, no KafkaJS, nothing else of ours', async () => {
  const loaded = await loadedBy(`${root}src/opentelemetry/index.ts`)
  const others = loaded
    .map((file) => file.slice(root.length))
    .filter((file) => !/^(node_modules\/(@opentelemetry\/api|tsx|esbuild)|src\/opentelemetry)\//.test(file))
  expect(others).toEqual(['src/version.ts'])
})
