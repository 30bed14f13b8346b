import { once } from 'node:events'

import { InvalidArgumentError, type Command } from 'commander'

import type { EmulatorOptions, NewKeyOptions, TencentKmsEmulator } from '../testing/index.js'

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

/** `kafka-envelope kms-emulator`: runs the emulator of Tencent Cloud KMS until it is interrupted. */
export function registerKmsEmulator(program: Command): void {
  program
    .command('kms-emulator')
    .description('run an emulator of Tencent Cloud KMS, for development and tests only')
    .option('--port <port>', 'listen there (default: a free port)', port, 0)
    .option('--host <address>', 'listen on this address', '127.0.0.1')
    .option('--expose', 'allow a --host that other machines may reach; there is no TLS')
    .option('--file <file>', 'keep the keys in this file, in plaintext (default: in memory)')
    .option(
      '--key <alias...>',
      'make a CMK of this alias (alias:rsa-2048: of that type), if there is none',
      keys,
    )
    .option('--region <region>', 'of the CMKs that are made', 'ap-guangzhou')
    .option('--secret-id <id>', 'who may call, with --secret-key (default: a pair that is printed)')
    .option('--secret-key <key>', 'the secret key of --secret-id')
    .action(run)
}

async function run(options: Options): Promise<void> {
  // Not at the top: other commands need none of it.
  const { EMULATOR_CREDENTIAL, startTencentKmsEmulator } = await import('../testing/index.js')
  const emulator = await startTencentKmsEmulator(emulatorOptions(options))
  const pair = options.secretId === undefined ? EMULATOR_CREDENTIAL : { secretId: options.secretId }
  process.stdout.write(`${lineOf(emulator, pair)}\n`)
  const stop = new AbortController()
  const { signal } = stop
  await Promise.race([once(process, 'SIGINT', { signal }), once(process, 'SIGTERM', { signal })])
  stop.abort()
  await emulator.close()
}

function emulatorOptions(options: Options): EmulatorOptions {
  const { secretId, secretKey } = options
  if ((secretId === undefined) !== (secretKey === undefined)) {
    throw new Error('error: --secret-id and --secret-key belong together')
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
 * All in one line, separated by tabs: the address, who may call, and each key as `alias=region/KeyId`. The secret
 * key is shown only where it is the emulator's own, which is in its source.
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
