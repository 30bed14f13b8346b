import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The program of `kafka-envelope`, compiled. */
    cli: string
  }
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SHARED = 'KAFKA_ENVELOPE_TEST_CLI'

/**
 * Compiles `src/` once for all projects of a run, file by file. With tsx, each start of a command takes a second of a core
 * more, and tests start more than a hundred.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = (process.env[SHARED] ??= await compile())
  project.provide('cli', join(folder, 'cli/main.js'))
  return () => rm(folder, { recursive: true, force: true })
}

async function compile(): Promise<string> {
  // In the repository, so that packages are found.
  await mkdir(join(ROOT, '.cache'), { recursive: true })
  const folder = await mkdtemp(join(ROOT, '.cache/cli-'))
  const source = join(ROOT, 'src')
  const files = await readdir(source, { recursive: true })
  await build({
    entryPoints: files.filter((file) => file.endsWith('.ts')).map((file) => join(source, file)),
    ...{ outbase: source, outdir: folder, format: 'esm', platform: 'node', logLevel: 'error' },
  })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  for (const file of files) if (file.endsWith('.cjs')) await copyFile(join(source, file), join(folder, file))
  return folder
}
