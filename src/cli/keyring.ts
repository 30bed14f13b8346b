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
  type NewCmkOptions,
} from '../kms/local/index.js'

/** `kafka-envelope keyring …`: all operations on a keyring file. */
export function registerKeyring(program: Command): void {
  const keyring = program.command('keyring').description('manage the keyring file of the local KMS')

  keyring
    .command('create')
    .description('create a keyring; never overwrites a file')
    .argument('<file>')
    .option('--cmk <name...>', 'CMKs to add', [])
    .addOption(typeOption())
    .addOption(modulusOption())
    .action(async (file: string, { cmk, ...options }: NewCmks) => {
      await createKeyring(
        file,
        cmk.map((id) => ({ id, ...typeOf(options) })),
      )
    })

  keyring
    .command('add')
    .description('add a new CMK to a keyring')
    .argument('<file>')
    .addOption(cmkOption())
    .addOption(typeOption())
    .addOption(modulusOption())
    .action((file: string, { cmk, ...options }: NewCmk) => addCmk(file, cmk, typeOf(options)))

  keyring
    .command('rotate')
    .description('add a new version to an AES CMK; older versions still unwrap')
    .argument('<file>')
    .addOption(cmkOption())
    .action((file: string, { cmk }: OneCmk) => rotateCmk(file, cmk))

  for (const [command, enabled] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    keyring
      .command(command)
      .description(enabled ? 'enable a disabled CMK again' : 'stop a CMK from wrapping and unwrapping')
      .argument('<file>')
      .addOption(cmkOption())
      .action((file: string, { cmk }: OneCmk) => setCmkEnabled(file, cmk, enabled))
  }

  keyring
    .command('export-public')
    .description('print the public key of an RSA CMK as PEM')
    .argument('<file>')
    .addOption(cmkOption())
    .action(async (file: string, { cmk }: OneCmk) => {
      process.stdout.write(await exportPublicKey(file, cmk))
    })

  keyring
    .command('import-public')
    .description('add the public key of an RSA CMK, for wrapping only; use the NAME that its readers use')
    .argument('<file>')
    .addOption(cmkOption())
    .requiredOption('--pem <file>', 'the file that contains the public key')
    .action(async (file: string, { cmk, pem }: OneCmk & { readonly pem: string }) => {
      await importPublicKey(file, cmk, await readFile(pem, 'utf8'))
    })

  keyring
    .command('list')
    .description('print one line per CMK: name, type, state, newest version and when that was created')
    .argument('<file>')
    .action(async (file: string) => {
      for (const cmk of await listCmks(file)) process.stdout.write(`${lineOf(cmk)}\n`)
    })
}

interface OneCmk {
  readonly cmk: string
}

interface TypeOptions {
  readonly type: CmkType
  readonly modulus?: number
}

type NewCmk = OneCmk & TypeOptions
type NewCmks = TypeOptions & { readonly cmk: readonly string[] }

function cmkOption(): Option {
  return new Option('--cmk <name>', 'the CMK').makeOptionMandatory()
}

function typeOf({ type, modulus }: TypeOptions): NewCmkOptions {
  return { type, ...(modulus === undefined ? {} : { modulusLength: modulus }) }
}

function modulusOption(): Option {
  const description = 'bits of an RSA modulus, at least 2048 (default: 3072)'
  return new Option('--modulus <bits>', description).argParser(wholeNumber)
}

function typeOption(): Option {
  const types: readonly CmkType[] = ['aes-256', 'rsa-oaep-sha256']
  return new Option('--type <type>', 'the type of the CMK').choices(types).default('aes-256')
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.')
  return Number(text)
}

/** Fields are separated by tabs, so that `cut` can read the line; a name has no white space. */
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
