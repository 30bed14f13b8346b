import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import commonjs from '@rollup/plugin-commonjs'
import json from '@rollup/plugin-json'
import nodeResolve from '@rollup/plugin-node-resolve'
import ncc from '@vercel/ncc'
import esbuild from 'esbuild'
import { rollup } from 'rollup'
import webpack from 'webpack'

const bundlers = {
  async esbuild(program, folder) {
    // As ESM it needs a `require` of its own for the SDK, which is CommonJS.
    await esbuild.build({
      entryPoints: [program],
      outfile: join(folder, 'main.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
      },
    })
  },
  async webpack(program, folder) {
    const config = {
      mode: 'none',
      target: 'node20',
      entry: `./${program}`,
      output: { path: folder, filename: 'main.mjs', module: true, chunkFormat: 'module' },
      experiments: { outputModule: true },
    }
    const stats = await new Promise((resolve, reject) => {
      webpack(config, (error, done) => (error ? reject(error) : resolve(done)))
    })
    if (stats.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }))
  },
  async rollup(program, folder) {
    const bundle = await rollup({
      input: program,
      plugins: [nodeResolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs(), json()],
      onLog: () => {},
    })
    await bundle.write({ dir: folder, entryFileNames: 'main.mjs', format: 'es' })
  },
  async ncc(program, folder) {
    const { code, assets } = await ncc(join(import.meta.dirname, program), { quiet: true })
    for (const [name, { source }] of Object.entries(assets)) writeFileSync(join(folder, name), source)
    writeFileSync(join(folder, program.endsWith('.mjs') ? 'main.mjs' : 'main.cjs'), code)
  },
}

// Outside the project: what a bundle left out is not found there.
const away = mkdtempSync(join(tmpdir(), 'kafka-envelope-bundles-'))
let failures = 0
try {
  for (const program of ['local.mjs', 'config-file.mjs', 'tencent.mjs', 'tencent.cjs']) {
    for (const [name, bundle] of Object.entries(bundlers)) {
      // Rollup is for ESM: of CommonJS it leaves a `require` inside a `try` alone.
      if (name === 'rollup' && program.endsWith('.cjs')) continue
      const folder = join(away, name, program)
      mkdirSync(folder, { recursive: true })
      try {
        await bundle(program, folder)
        const main = readdirSync(folder).find((file) => file.startsWith('main.'))
        for (const file of ['dev.keyring', 'kafka-envelope.yaml']) cpSync(file, join(folder, file))
        execFileSync('node', [main], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
        if (program.startsWith('local') && /TC3-HMAC/.test(readFileSync(join(folder, main), 'utf8'))) {
          throw new Error('the bundle has the SDK of Tencent Cloud')
        }
      } catch (error) {
        failures++
        console.error(`${name} of ${program}: ${error.stack}`)
      }
    }
  }
} finally {
  rmSync(away, { recursive: true })
}
if (failures > 0) process.exit(1)
