import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Installs NestJS 11 once. It cannot be beside NestJS 12 among the development dependencies: they have the same names. */
export default function setup(): void {
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  if (!existsSync(`${cwd}node_modules/@nestjs/microservices`)) {
    execFileSync('npm', ['ci', '--no-progress', '--ignore-scripts'], { cwd, stdio: 'inherit' })
  }
}
