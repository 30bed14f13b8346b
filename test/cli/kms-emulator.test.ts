import { Command } from 'commander'
import { expect, it } from 'vitest'

import { registerKmsEmulator } from '../../src/cli/kms-emulator.js'
import { thrownBy } from '../support/emissions.js'

const NAME = 'kafka-envelope-tencent-kms-emulator'

async function runWith(load: () => Promise<unknown>, ...args: string[]): Promise<void> {
  const program = new Command('kafka-envelope').exitOverride()
  registerKmsEmulator(program, load)
  await program.parseAsync(['kms-emulator', ...args], { from: 'user' })
}

function failingWith(message: string): () => Promise<unknown> {
  return () => Promise.reject(Object.assign(new Error(message), { code: 'ERR_MODULE_NOT_FOUND' }))
}

it.each([
  [['--port', '7030', '--key', 'orders', 'partner:rsa-2048', '--expose']],
  [['--help']],
  [['--no-such-option', 'x']],
  [[]],
])('`kms-emulator %j` passes all arguments unchanged to the command line of the emulator', async (args) => {
  const runs: unknown[] = []
  const runCommand = (...given: unknown[]): Promise<void> => {
    runs.push(given)
    return Promise.resolve()
  }
  await runWith(() => Promise.resolve({ runCommand }), ...args)
  expect(runs).toEqual([[args, 'kafka-envelope kms-emulator']])
})

it.each([[[]], [['--port', '7030']], [['--help']]])(
  '`kms-emulator %j` says how to install the emulator if it is missing',
  async (args) => {
    // As Node.js words it.
    const load = failingWith(`Cannot find package '${NAME}' imported from /app/cli/kms-emulator.js`)
    const error = await thrownBy(() => runWith(load, ...args))
    expect(error).toMatchObject({
      code: 'EMULATOR_MISSING',
      message: `EMULATOR_MISSING: the package ${NAME} is not installed. Run \`npm install --save-dev ${NAME}\`.`,
    })
  },
)

it('`kms-emulator` does not report an emulator as missing if only a package that it needs is missing', async () => {
  const load = failingWith(`Cannot find package 'valibot' imported from /app/node_modules/${NAME}/dist/x.js`)
  expect(await thrownBy(() => runWith(load))).toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' })
})

it('`kms-emulator` reports why the emulator failed', async () => {
  const runCommand = (): Promise<void> => Promise.reject(new Error('OPTIONS_INVALID: no such port'))
  const error = await thrownBy(() => runWith(() => Promise.resolve({ runCommand })))
  expect(error).toMatchObject({ message: 'OPTIONS_INVALID: no such port' })
})
