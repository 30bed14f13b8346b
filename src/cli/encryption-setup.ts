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

/**
 * Loads a configuration file with its KMSs, or a module in JavaScript that exports `encryption` and, if it likes, `kafka`.
 * The caller closes the encryption.
 * @throws EnvelopeError CONFIG_INVALID, or the error of the module
 */
export async function loadEncryption(file: string): Promise<EncryptionSetup> {
  if (['.yaml', '.yml', '.json'].includes(extname(file))) {
    return { encryption: await createEncryption(withoutProvisionedDeks(await loadConfig(file))) }
  }
  const loaded = (await import(pathToFileURL(resolve(file)).href)) as Partial<EncryptionSetup>
  if (loaded.encryption === undefined) throw new Error(`${file} has to export \`encryption\``)
  return { encryption: loaded.encryption, ...(loaded.kafka && { kafka: loaded.kafka }) }
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
