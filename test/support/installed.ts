import { chmod, cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Puts the library into the `node_modules` of a folder as `npm install kafka-envelope kafkajs` would, built from the
 * sources as they are now. `npm run test:package` tries the real package.
 */
export async function install(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules')
  const own = join(modules, 'kafka-envelope')
  const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 }
  for (const entry of await readdir(join(root, 'src'), { recursive: true })) {
    if (!entry.endsWith('.ts')) continue
    const built = join(own, 'dist/esm', entry.replace(/\.ts$/, '.js'))
    const source = await readFile(join(root, 'src', entry), 'utf8')
    await mkdir(dirname(built), { recursive: true })
    await writeFile(built, transpileModule(source, { compilerOptions }).outputText)
  }
  await cp(join(root, 'package.json'), join(own, 'package.json'))
  const { dependencies, bin } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
    bin: Record<string, string>
  }
  for (const name of [...Object.keys(dependencies), 'kafkajs']) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
  await mkdir(join(modules, '.bin'))
  for (const [name, file] of Object.entries(bin)) {
    await chmod(join(own, file), 0o755)
    await symlink(join(own, file), join(modules, '.bin', name))
  }
}
