import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

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

/** Entries that exist for the sake of optional packages. */
const MADE_FOR: Readonly<Record<string, readonly string[]>> = {
  './avro': ['avsc'],
  './nestjs': ['@nestjs/common', '@nestjs/microservices'],
  './opentelemetry': ['@opentelemetry/api'],
}

describe('what the entries of the package load', () => {
  /** The modules that each entry loads. */
  let loaded: ReadonlyMap<string, readonly string[]>
  beforeAll(async () => {
    const loading = (await entries()).map(async ([name, source]) => {
      const modules = await loadedBy(source)
      expect(modules, name).toContain(source)
      return [name, modules] as const
    })
    loaded = new Map(await Promise.all(loading))
    expect([...loaded.keys()]).toEqual(expect.arrayContaining(['.', './record', './opentelemetry']))
  }, 120_000)

  it('nothing of OpenTelemetry is loaded, and nothing of ours for it, unless its entry is imported', () => {
    const ofTelemetry = (file: string): boolean => file.slice(root.length).includes('opentelemetry')
    const loading = [...loaded].filter(([, modules]) => modules.some(ofTelemetry))
    expect(loading.map(([name]) => name)).toEqual(['./opentelemetry'])
  })

  it('no entry loads an optional package before it is used, so also no provider the SDK of its KMS', async () => {
    const { peerDependencies } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as {
      peerDependencies: Record<string, string>
    }
    const optional = Object.keys(peerDependencies)
    expect(optional).toEqual(expect.arrayContaining(['@aws-sdk/client-kms', 'tencentcloud-sdk-nodejs']))
    const providers = ['aws', 'azure', 'gcp', 'local', 'pkcs11', 'tencent', 'vault']
    expect([...loaded.keys()]).toEqual(expect.arrayContaining(providers.map((name) => `./kms/${name}`)))
    for (const [name, modules] of loaded) {
      const found = optional.filter((each) => modules.some((file) => file.includes(`/node_modules/${each}/`)))
      expect(found, name).toEqual(MADE_FOR[name] ?? [])
    }
  })
})

it('the entry for OpenTelemetry loads its API alone: no SDK, no KafkaJS, nothing else of ours', async () => {
  const loaded = await loadedBy(`${root}src/opentelemetry/index.ts`)
  const others = loaded
    .map((file) => file.slice(root.length))
    .filter((file) => !/^(node_modules\/(@opentelemetry\/api|tsx|esbuild)|src\/opentelemetry)\//.test(file))
  expect(others).toEqual(['src/version.ts'])
})
