import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A program of the documentation in a process of its own. */
export interface Program {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** Code and signal, once it ends. */
  readonly exit: Promise<unknown[]>
  /** All that it printed, once it ends. */
  readonly stdout: Promise<string>
  readonly stderr: Promise<string>
}

/** The local KMS, which gives no keys while there is a file `down` in the folder of the program. */
const failingKms = `
import { existsSync } from 'node:fs'
import { EnvelopeError } from '${root}src/errors.ts'
import { localKms as working } from '${root}src/kms/local/index.ts'
export function localKms(options) {
  const call = ([name, answer]) => [name, (...args) =>
    existsSync('down') ? Promise.reject(new EnvelopeError('KMS_UNAVAILABLE', 'down')) : answer(...args)]
  const { describe, ...keys } = working(options)
  return { describe, ...Object.fromEntries(Object.entries(keys).map(call)) }
}
`

/** The program on a page in `docs/` that has `part` in it. */
export async function documentedProgram(page: string, part: string): Promise<string> {
  const content = await readFile(join(root, 'docs', page), 'utf8')
  const snippets = [...content.matchAll(/^ *```ts\n(.*?)^ *```/gms)].map(([, code = '']) => code)
  const found = snippets.find((snippet) => snippet.includes(part))
  if (found === undefined) throw new Error(`no program in docs/${page} has ${part} in it`)
  return found
}

/** Starts it in a folder below `test/`, with the library from its sources. Its KMS fails while the folder has a file `down`. */
export async function startProgram(
  folder: string,
  code: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Program> {
  const script = join(folder, `program-${randomUUID()}.ts`)
  await writeFile(
    script,
    code
      .replaceAll("'kafka-envelope/kms/local'", "'./failing-kms.ts'")
      .replaceAll("'kafka-envelope/kafkajs'", `'${root}src/clients/kafkajs/index.ts'`)
      .replaceAll("'kafka-envelope/record'", `'${root}src/record/index.ts'`)
      .replaceAll("'kafka-envelope'", `'${root}src/index.ts'`),
  )
  await writeFile(join(folder, 'failing-kms.ts'), failingKms)
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, exit: once(child, 'exit'), stdout: text(child.stdout), stderr: text(child.stderr) }
}
