import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Kafka } from 'kafkajs'
import { loadConfig } from '../config-file/index.js'
import { createEncryption, type Encryption, type EncryptionConfig } from '../index.js'

/** What `--config` names: the rules and KMSs, and Kafka if a module says how to reach it. */
export interface EncryptionSetup {
  readonly encryption: Encryption
  readonly kafka?: Kafka
}

/** The same before an encryption is made of it. */
export interface Setup {
  /** A configuration file, or what a module exports. */
  readonly config: string | EncryptionConfig
  readonly kafka?: Kafka
  /** Closes the KMSs of a module. */
  close(): Promise<void>
}

/** What a module may export. */
interface Exports {
  readonly encryption?: Encryption
  readonly config?: EncryptionConfig
  readonly kafka?: Kafka
}

/**
 * Loads a configuration file with its KMSs, or a module in JavaScript that exports `encryption`, or `config` for one, and,
 * if it likes, `kafka`. The caller closes the encryption.
 * @throws EnvelopeError CONFIG_INVALID, or the error of the module
 */
export async function loadEncryption(file: string): Promise<EncryptionSetup> {
  if (isConfigFile(file)) {
    return { encryption: await createEncryption(withoutProvisionedDeks(await loadConfig(file))) }
  }
  const { encryption, config, kafka } = await exportsOf(file)
  const made = encryption ?? (config && (await createEncryption(withoutProvisionedDeks(config))))
  if (made === undefined) throw new Error(`${file} has to export \`encryption\` or \`config\``)
  return { encryption: made, ...(kafka && { kafka }) }
}

/**
 * What `--config` names, for a command that looks at it before an encryption is made.
 * @throws Error if a module exports no `config`, or the error of the module
 */
export async function loadSetup(file: string): Promise<Setup> {
  if (isConfigFile(file)) return { config: file, close: () => Promise.resolve() }
  const { config, kafka } = await exportsOf(file)
  if (config === undefined)
    throw new Error(`${file} has to export \`config\`, with which \`createEncryption\` is called`)
  return {
    config,
    ...(kafka && { kafka }),
    async close() {
      await Promise.allSettled(Object.values(config.kms).map(async (kms) => kms.close?.()))
    },
  }
}

function isConfigFile(file: string): boolean {
  return ['.yaml', '.yml', '.json'].includes(extname(file))
}

async function exportsOf(file: string): Promise<Exports> {
  return (await import(pathToFileURL(resolve(file)).href)) as Exports
}

/** Commands seal nothing, and an encryption unwraps its provisioned DEKs when it is created. */
function withoutProvisionedDeks(config: EncryptionConfig): EncryptionConfig {
  const topics = config.topics.map((rule) => {
    if (!('encrypt' in rule) || rule.encrypt.provisionedDek === undefined) return rule
    const { provisionedDek: _, rotate: __, ...encrypt } = rule.encrypt
    return { ...rule, encrypt }
  })
  return { ...config, topics }
}
