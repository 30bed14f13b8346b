import { once } from 'node:events'

import { Command, InvalidArgumentError } from 'commander'

import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type EmulatorOptions,
  type TencentKmsEmulator,
} from './emulator.js'
import { EmulatorError } from './errors.js'
import type { NewKeyOptions } from './keys.js'

interface Options {
  readonly port: number
  readonly host: string
  readonly expose?: true
  readonly file?: string
  readonly key?: readonly NewKeyOptions[]
  readonly region: string
  readonly secretId?: string
  readonly secretKey?: string
}

/**
 * Runs the emulator until SIGINT or SIGTERM.
 *
 * @param name the name of the command in its usage
 * @throws EmulatorError as `startTencentKmsEmulator` does
 */
export async function runCommand(
  args: readonly string[],
  name = 'kafka-envelope-tencent-kms-emulator',
): Promise<void> {
  await new Command(name)
    .description('run an emulator of Tencent Cloud KMS, for development and tests only')
    .option('--port <port>', 'listen on this port (default: a free one)', port, 0)
    .option('--host <address>', 'listen on this address', '127.0.0.1')
    .option('--expose', 'allow a --host that other machines can reach; there is no TLS')
    .option('--file <file>', 'keep the keys in this file, in plaintext (default: in memory)')
    .option(
      '--key <alias...>',
      'create a CMK with this alias (alias:rsa-2048 for RSA) unless it exists',
      keys,
    )
    .option('--region <region>', 'the region of the CMKs that --key creates', 'ap-guangzhou')
    .option(
      '--secret-id <id>',
      'the only secret id that can call, with --secret-key (default: a built-in pair, which is printed)',
    )
    .option('--secret-key <key>', 'the secret key of --secret-id')
    // Commander would put suggestions on a second line.
    .configureOutput({
      outputError: (text, write) => {
        write(`${oneLine(text)}\n`)
      },
    })
    .action(run)
    .parseAsync(args, { from: 'user' })
}

/** One line on stderr and exit code 1. A stack trace does not help at a prompt, and could show secrets. */
export function reportFailure(error: unknown): void {
  process.exitCode = 1
  process.stderr.write(`${oneLine(error instanceof Error ? error.message : String(error))}\n`)
}

async function run(options: Options): Promise<void> {
  const emulator = await startTencentKmsEmulator(emulatorOptions(options))
  const pair = options.secretId === undefined ? EMULATOR_CREDENTIAL : { secretId: options.secretId }
  const stop = new AbortController()
  const { signal } = stop
  const stopped = Promise.race([once(process, 'SIGINT', { signal }), once(process, 'SIGTERM', { signal })])
  // Only now: a caller may send the signal as soon as it reads the line.
  process.stdout.write(`${lineOf(emulator, pair)}\n`)
  await stopped
  stop.abort()
  await emulator.close()
}

function emulatorOptions(options: Options): EmulatorOptions {
  const { secretId, secretKey } = options
  if ((secretId === undefined) !== (secretKey === undefined)) {
    throw new EmulatorError('OPTIONS_INVALID', '--secret-id and --secret-key must be given together')
  }
  return {
    port: options.port,
    host: options.host,
    exposed: options.expose ?? false,
    keys: (options.key ?? []).map((key) => ({ ...key, region: options.region })),
    ...(options.file === undefined ? {} : { file: options.file }),
    ...(secretId === undefined || secretKey === undefined ? {} : { credentials: [{ secretId, secretKey }] }),
  }
}

/**
 * One line, separated by tabs: the address, the secret id, and each key as `alias=region/KeyId`. The secret key is shown
 * only if it is the emulator's own, which is public in its source.
 */
function lineOf(emulator: TencentKmsEmulator, pair: { secretId: string; secretKey?: string }): string {
  return [
    emulator.url,
    `secretId=${pair.secretId}`,
    ...(pair.secretKey === undefined ? [] : [`secretKey=${pair.secretKey}`]),
    ...emulator.keys().map(({ alias, region, keyId }) => `${alias}=${region}/${keyId}`),
  ].join('\t')
}

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError('Expected a port.')
  return Number(text)
}

function keys(text: string, before: readonly NewKeyOptions[] = []): readonly NewKeyOptions[] {
  const [alias = '', type, ...more] = text.split(':')
  if ((type !== undefined && type !== 'rsa-2048') || more.length > 0) {
    throw new InvalidArgumentError('Expected ALIAS or ALIAS:rsa-2048.')
  }
  const usage = type === undefined ? 'ENCRYPT_DECRYPT' : 'ASYMMETRIC_DECRYPT_RSA_2048'
  return [...before, { alias, usage }]
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*[\r\n]+\s*/g, ' ')
}
