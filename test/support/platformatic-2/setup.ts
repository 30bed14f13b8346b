import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Installs version 2 of the client once. The development dependencies have the one that still runs on Node.js 20. */
export default function setup(): void {
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  if (!existsSync(`${cwd}node_modules/@platformatic/kafka`)) {
    execFileSync('npm', ['ci', '--no-progress', '--ignore-scripts'], { cwd, stdio: 'inherit' })
  }
}
