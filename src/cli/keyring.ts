import { readFile } from 'node:fs/promises'

import { InvalidArgumentError, Option, type Command } from 'commander'

import {
  addCmk,
  createKeyring,
  exportPublicKey,
  importPublicKey,
  listCmks,
  rotateCmk,
  setCmkEnabled,
  type CmkSummary,
  type CmkType,
} from '../kms/local/index.js'

/** `kafka-envelope keyring …`: everything that one does to a keyring file. */
export function registerKeyring(program: Command): void {
  const keyring = program.command('keyring').description('manage the keyring file of the local KMS')

  keyring
    .command('create')
    .description('make a keyring; never replaces a file')
    .argument('<file>')
    .option('--cmk <name...>', 'add CMKs of these names')
    .addOption(typeOption())
    .action(async (file: string, options: { cmk?: string[]; type: CmkType }) => {
      await createKeyring(
        file,
        (options.cmk ?? []).map((id) => ({ id, type: options.type })),
      )
    })

  keyring
    .command('add')
    .description('add a new CMK')
    .argument('<file>')
    .argument('<name>')
    .addOption(typeOption())
    .option('--modulus <bits>', 'bits of an RSA modulus, at least 2048 (default: 3072)', wholeNumber)
    .action(async (file: string, name: string, options: { type: CmkType; modulus?: number }) => {
      const { type, modulus } = options
      await addCmk(file, name, { type, ...(modulus === undefined ? {} : { modulusLength: modulus }) })
    })

  keyring
    .command('rotate')
    .description('give an AES CMK a new version; older ones still unwrap')
    .argument('<file>')
    .argument('<name>')
    .action(rotateCmk)

  for (const [command, enabled] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    keyring
      .command(command)
      .description(enabled ? 'let a disabled CMK work again' : 'stop a CMK from wrapping and unwrapping')
      .argument('<file>')
      .argument('<name>')
      .action((file: string, name: string) => setCmkEnabled(file, name, enabled))
  }

  keyring
    .command('export-public')
    .description('print the public key of an RSA CMK as PEM')
    .argument('<file>')
    .argument('<name>')
    .action(async (file: string, name: string) => {
      process.stdout.write(await exportPublicKey(file, name))
    })

  keyring
    .command('import-public')
    .description('add the public key of an RSA CMK, to wrap only; NAME as the readers have it')
    .argument('<file>')
    .argument('<name>')
    .argument('<pemfile>')
    .action(async (file: string, name: string, pemFile: string) => {
      await importPublicKey(file, name, await readFile(pemFile, 'utf8'))
    })

  keyring
    .command('list')
    .description('print a line for each CMK: name, type, state, newest version and when it was made')
    .argument('<file>')
    .action(async (file: string) => {
      for (const cmk of await listCmks(file)) process.stdout.write(`${lineOf(cmk)}\n`)
    })
}

function typeOption(): Option {
  const types: readonly CmkType[] = ['aes-256', 'rsa-oaep-sha256']
  return new Option('--type <type>', 'what the CMK is').choices(types).default('aes-256')
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.')
  return Number(text)
}

/** Separated by tabs, so that `cut` can read it; a name has no white space. */
function lineOf(cmk: CmkSummary): string {
  const newest = cmk.versions.at(-1)
  return [
    cmk.id,
    cmk.canUnwrap ? cmk.type : `${cmk.type} (public)`,
    cmk.enabled ? 'enabled' : 'disabled',
    `v${String(newest?.version ?? '?')}`,
    newest?.createdAt ?? '?',
  ].join('\t')
}
