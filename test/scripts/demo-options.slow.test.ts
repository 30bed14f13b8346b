import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The demo with these options, on a broker that does not matter: it must not get that far. */
function demo(...options: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'demo/main.ts', ...options],
      { cwd: root, env: { ...process.env, KAFKA_BROKERS: '127.0.0.1:1' }, timeout: 30_000 },
      (error, stdout, stderr) => {
        resolve({ code: error?.code, stdout, stderr })
      },
    )
  })
}

it.each([
  [['--kms', 'aws'], '--kms is local or tencent-emulator, not "aws"'],
  [['--kms', ''], '--kms is local or tencent-emulator, not ""'],
  [['--kms'], "Option '--kms <value>' argument missing"],
  [['--keep', 'left', '--kms', 'tencent-emulator'], '--keep needs --kms local'],
  [['--kmss', 'local'], "Unknown option '--kmss'"],
])('the demo refuses %j in one line, before it does anything', async (options, why) => {
  const { code, stdout, stderr } = await demo(...options)
  expect(code).toBe(2)
  expect(stderr).toMatch(/^demo: [^\n]+\n$/)
  expect(stderr).toContain(why)
  expect(stdout).toBe('')
})
