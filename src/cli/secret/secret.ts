import { isUtf8 } from 'node:buffer'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { onAbort } from '../../cancellation.js'
import type { Secrets } from '../../index.js'
import { loadEncryption } from '../encryption-setup.js'
import { interruptible } from '../interrupt.js'
import { readInput, type Input } from './read-input.js'

interface Options {
  readonly config: string
  readonly cmk: string
  readonly context: Context
  readonly raw?: true
}

type Context = Readonly<Record<string, string>>
type Work = (secrets: Secrets, given: Buffer, options: Options) => Promise<Buffer | string>

/** Who passes the secret itself by mistake must not find it in a log: the name of the file is not repeated. */
const SECRET: Input = {
  maxBytes: 4096,
  nameOf: () => 'the file with the secret (FILE is the name of a file, and never the secret itself)',
}
/** Encrypted secrets are smaller, also in base64. */
const ENCRYPTED: Input = { maxBytes: 65_536, nameOf: (file) => file }

/** `kafka-envelope secret …`: small secrets that the KMS encrypts itself. */
export function registerSecret(program: Command): void {
  const secret = program
    .command('secret')
    .description('encrypt and decrypt small secrets, such as passwords, with the KMS itself')

  withOptions(secret.command('encrypt'))
    .description('encrypt a secret of 1 to 4,096 bytes, and print it in base64')
    .argument('[file]', 'a file with the secret, or - for standard input', '-')
    .option('--raw', 'write bytes, not base64')
    .action((source: string, options: Options) => {
      // What is typed would stay on the screen.
      if (source === '-' && process.stdin.isTTY)
        throw new Error('a secret is not read from a terminal, which shows it: name a file, or pipe it in')
      if (options.raw === true && process.stdout.isTTY)
        throw new Error('bytes could control the terminal: leave out --raw, or write them to a file with >')
      return running(encrypt, SECRET)(source, options)
    })

  withOptions(secret.command('decrypt'))
    .description('decrypt a secret, and write its bytes to standard output and nothing else')
    .argument('[file]', 'a file with the encrypted secret, in base64 or bytes, or - for standard input', '-')
    .action(running(decrypt, ENCRYPTED))
}

function withOptions(command: Command): Command {
  return command
    .requiredOption('--config <file>', 'the configuration with the CMK and its KMS')
    .requiredOption('--cmk <name>', 'an entry of `cmks`: its first CMK encrypts, each of them decrypts')
    .addOption(
      new Option(
        '--context <key=value>',
        'an entry of the context that the KMS authenticates; may be given several times',
      )
        .default({}, 'none')
        .argParser(entry),
    )
}

function running(work: Work, input: Input): (source: string, options: Options) => Promise<void> {
  return (source, options) =>
    interruptible(async (signal) => {
      const { encryption } = await loadEncryption(options.config)
      // Ends the call to the KMS.
      const removeListener = onAbort(signal, () => void encryption.close())
      try {
        const secrets = encryption.secrets(options.cmk)
        const given = await readInput(source, input, signal)
        const output = await work(secrets, given, options).finally(() => given.fill(0))
        await write(output)
        if (typeof output !== 'string') output.fill(0)
      } catch (error) {
        signal.throwIfAborted()
        throw error
      } finally {
        removeListener()
        await encryption.close()
      }
    })
}

async function encrypt(
  secrets: Secrets,
  secret: Buffer,
  { context, raw }: Options,
): Promise<Buffer | string> {
  const encrypted = await secrets.encrypt(secret, context)
  if (endsWithStrayLineBreak(secret))
    process.stderr.write('note: the secret ends with a line break, which was encrypted with it\n')
  return raw === true ? encrypted : `${encrypted.toString('base64')}\n`
}

async function decrypt(secrets: Secrets, given: Buffer, { context }: Options): Promise<Buffer> {
  const secret = await secrets.decrypt(isBinary(given) ? given : given.toString('latin1'), context)
  if (process.stdout.isTTY && !isPlainText(secret)) {
    secret.fill(0)
    throw new Error('the secret is not plain text, and could control the terminal: write it to a file with >')
  }
  return secret
}

/** Base64 has no byte below a space but white space. */
function isBinary(given: Buffer): boolean {
  return given.some((byte) => byte === 1)
}

/** A password in one line, as `echo` or an editor ends it. Several lines, such as a certificate, end with one. */
function endsWithStrayLineBreak(secret: Buffer): boolean {
  const at = secret.indexOf('\n')
  return at >= 0 && at === secret.length - 1
}

function isPlainText(secret: Buffer): boolean {
  return isUtf8(secret) && !/[^\P{Cc}\t\r\n]|\p{Cf}/u.test(secret.toString())
}

/** Resolves also if nobody reads the output: `main.ts` reports that. */
function write(output: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(output, () => {
      resolve()
    })
  })
}

function entry(text: string, before: Context): Context {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Expected KEY=VALUE.')
  const key = text.slice(0, at)
  if (Object.hasOwn(before, key)) throw new InvalidArgumentError(`The key ${key} is given twice.`)
  return { ...before, [key]: text.slice(at + 1) }
}
