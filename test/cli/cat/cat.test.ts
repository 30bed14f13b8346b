import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { kafkaEnvelopeCommand } from '../../../src/cli/program.js'
import { reportFailure } from '../../../src/cli/report-failure.js'

let text = ''
let before: typeof process.exitCode
beforeEach(() => {
  text = ''
  before = process.exitCode
  process.exitCode = 0
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    text += String(chunk)
    return true
  })
})
afterEach(() => {
  process.exitCode = before
  vi.restoreAllMocks()
})

it.each([
  [['--brokers', 'a:1'], /^error: give --config, or --sealed\n$/],
  [['--sealed'], /^error: give --brokers or --kafka\n$/],
  [['--config', 'missing.yaml', '--brokers', 'a:1'], /^CONFIG_INVALID: missing\.yaml: file not found/],
  [['--sealed', '--limit', '0'], /Expected a whole number above 0\.\n$/],
  [['--sealed', '--partition', '0;1'], /Expected numbers with commas between\.\n$/],
  [['--sealed', '--to', 'tomorrow'], /Expected an offset or a time\.\n$/],
  [['--sealed', '--key', 'hex:0'], /Expected pairs of hex digits after hex:\.\n$/],
])('cat orders %j is refused before anything is read', async (args, message) => {
  const command = kafkaEnvelopeCommand()
  for (const each of command.commands) each.exitOverride()
  await command.parseAsync(['cat', 'orders', ...args], { from: 'user' }).catch(reportFailure)
  expect(text).toMatch(message)
  expect(text.split('\n').length).toBeLessThanOrEqual(3)
  expect(process.exitCode).toBe(1)
})
