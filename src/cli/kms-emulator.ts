import type { Command } from 'commander'

import { EnvelopeError } from '../errors.js'

const PACKAGE = 'kafka-envelope-tencent-kms-emulator'

/** The part of the emulator's package that is used here. The package is optional. */
interface EmulatorCli {
  runCommand(args: readonly string[], name: string): Promise<void>
}

/** `kafka-envelope kms-emulator …`: passes everything to the emulator's own command line. */
export function registerKmsEmulator(program: Command, load: () => Promise<unknown> = importCli): void {
  program
    .command('kms-emulator')
    .description(`run an emulator of Tencent Cloud KMS, for development and tests only (needs ${PACKAGE})`)
    .argument('[args...]', 'see --help')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: readonly string[]) => {
      const { runCommand } = await loadCli(load)
      await runCommand(args, 'kafka-envelope kms-emulator')
    })
}

/** @throws EnvelopeError EMULATOR_MISSING if the package is not installed */
async function loadCli(load: () => Promise<unknown>): Promise<EmulatorCli> {
  try {
    return (await load()) as EmulatorCli
  } catch (cause) {
    if (!isMissing(cause)) throw cause
    throw new EnvelopeError('EMULATOR_MISSING', `the package ${PACKAGE} is not installed`, { cause })
  }
}

/** The module name is not a literal, so that this package compiles and bundles without the emulator. */
function importCli(): Promise<unknown> {
  return import(`${PACKAGE}/cli`)
}

/** Whether the package itself is missing, not something that it imports. */
function isMissing(error: unknown): boolean {
  const { code, message } = error as Partial<NodeJS.ErrnoException>
  return code === 'ERR_MODULE_NOT_FOUND' && message?.includes(`'${PACKAGE}'`) === true
}
