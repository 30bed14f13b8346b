import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import {
  AlgorithmSuiteIdentifier,
  CommitmentPolicy,
  NodeCachingMaterialsManager,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
  buildClient,
  getLocalCryptographicMaterialsCache,
} from '@aws-crypto/client-node'

/*
 * Other libraries, each with what comes nearest to what kafka-envelope does: a data key that is reused, and AES-256-GCM.
 * Plain JavaScript, and a package of its own, because most of the repository has no use for 170 MB of them.
 */

/** Each has `name`, `seal(value)` and `open(sealed)`, which return promises. */
export async function peers() {
  return [await aws(), await confluent(), await tink()]
}

/** AWS Encryption SDK: key commitment as here, no signature, data keys cached. */
function aws() {
  const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
  // The keyring wants memory of its own, not a part of Node's pool.
  const unencryptedMasterKey = new Uint8Array(32)
  unencryptedMasterKey.set(randomBytes(32))
  const keyring = new RawAesKeyringNode({
    keyName: 'bench',
    keyNamespace: 'bench',
    unencryptedMasterKey,
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  })
  const materials = new NodeCachingMaterialsManager({
    backingMaterials: keyring,
    cache: getLocalCryptographicMaterialsCache(100),
    maxAge: 3_600_000,
    maxMessagesEncrypted: 2 ** 31,
  })
  const options = {
    suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY,
    frameLength: 2 ** 20,
  }
  return {
    name: 'AWS Encryption SDK',
    seal: async (value) =>
      (await encrypt(materials, value, { ...options, plaintextLength: value.length })).result,
    open: async (sealed) => (await decrypt(materials, sealed)).plaintext,
  }
}

/** Confluent payload encryption, in the serializers of its schema registry client: Avro `bytes`. */
async function confluent() {
  const registry = createRequire(import.meta.url)('@confluentinc/schemaregistry')
  registry.LocalKmsDriver.register()
  const executor = new registry.EncryptionExecutor()
  const rules = new registry.RuleRegistry()
  rules.registerExecutor(executor)
  const client = registry.SchemaRegistryClient.newClient({ baseURLs: ['mock://'], cacheCapacity: 1000 })
  await client.register('bench-value', {
    schemaType: 'AVRO',
    schema: '"bytes"',
    ruleSet: {
      encodingRules: [
        {
          name: 'encrypt',
          kind: 'TRANSFORM',
          mode: registry.RuleMode.WRITEREAD,
          type: 'ENCRYPT_PAYLOAD',
          params: {
            'encrypt.kek.name': 'bench',
            'encrypt.kms.type': 'local-kms',
            'encrypt.kms.key.id': 'bench',
          },
          onFailure: 'ERROR,ERROR',
        },
      ],
    },
  })
  const ruleConfig = { secret: 'bench' }
  const { VALUE } = registry.SerdeType
  // Without `useLatestVersion` it sends plaintext, and says nothing.
  const serializer = new registry.AvroSerializer(client, VALUE, { useLatestVersion: true, ruleConfig }, rules)
  const deserializer = new registry.AvroDeserializer(client, VALUE, { ruleConfig }, rules)
  return {
    name: 'Confluent payload encryption',
    seal: (value) => serializer.serialize('bench', value),
    open: (sealed) => deserializer.deserialize('bench', sealed),
  }
}

/** Tink: an AEAD of one keyset. Its JavaScript has no KMS envelope. */
async function tink() {
  // Made for browsers.
  globalThis.self ??= globalThis
  const { aead, generateNewKeysetHandle } = createRequire(import.meta.url)('tink-crypto')
  aead.register()
  const keyset = await generateNewKeysetHandle(aead.aes256GcmKeyTemplate())
  const primitive = await keyset.getPrimitive(aead.Aead)
  const topic = Buffer.from('bench')
  return {
    name: 'Tink',
    seal: (value) => primitive.encrypt(value, topic),
    open: (sealed) => primitive.decrypt(sealed, topic),
  }
}
