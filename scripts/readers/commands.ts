import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/*
 * The commands of the readers in other languages, once they are built. They run in the folder of their reader, and resolve
 * to their standard output.
 */

const READERS = fileURLToPath(new URL('../../readers', import.meta.url))
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/** Why the reader in a language cannot be tested on this machine; undefined if it can, once it is built. */
export const whyNotInPython = whyNot('python3', '--version', 'Python')
export const whyNotInJava = whyNot('java', '-version', 'Java')

function whyNot(program: string, versionFlag: string, language: string): string | undefined {
  return spawnSync(program, [versionFlag]).status === 0 ? undefined : `left out: ${language} is missing`
}

export async function java(...args: string[]): Promise<string> {
  const folder = join(READERS, 'java')
  const file = join(folder, 'target/test.classpath')
  if (!existsSync(file)) throw new Error('build the Java reader first: npm run test:java')
  const built = ['target/classes', 'target/test-classes', readFileSync(file, 'utf8').trim()]
  return run('java', ['io.github.kafkaenvelope.cli.Open', ...args], folder, {
    // Long, and part of no message.
    CLASSPATH: built.join(delimiter),
  })
}

/** `module` is one of the reader, or of the writer of its vectors. */
export async function python(module: string, ...args: string[]): Promise<string> {
  const folder = join(READERS, 'python')
  const interpreter = join(folder, '.venv/bin/python')
  if (!existsSync(interpreter)) throw new Error('build the Python reader first: npm run test:python')
  return run(interpreter, ['-m', module, ...args], folder)
}

/** A reader exits with 1 if it disagrees with a vector, and its output says with which. */
async function run(
  program: string,
  args: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const options = { cwd, env: { ...process.env, ...variables }, maxBuffer: MAX_OUTPUT_BYTES }
  const { stdout } = await promisify(execFile)(program, args, options).catch((error: unknown) => {
    const { code, stdout = '' } = error as { code?: unknown; stdout?: string }
    if (code === 1 && stdout !== '') return { stdout }
    throw error
  })
  return stdout
}
