import type { Facts } from '../facts/facts.js'
import { fine, found, unchecked, type Outcome } from '../finding.js'

/** `engines` of package.json; a test compares them. */
export const OLDEST_NODE = '20.19.0'
/** `peerDependencies` of package.json: this version or a later 2. */
export const OLDEST_KAFKAJS = '2.2.4'

/** Versions of Node.js and KafkaJS, the engine, and the store of DEKs. */
export function* program({ program: { node, kafkaJs, engine, dekStore } }: Facts): Iterable<Outcome> {
  if (isOlder(node, OLDEST_NODE)) {
    yield found('node-too-old', {
      subject: `Node.js ${node}`,
      what: `kafka-envelope needs Node.js ${OLDEST_NODE} or later`,
      remedy: 'Upgrade Node.js',
    })
  } else yield fine('program', `Node.js ${node}`)

  if (kafkaJs === undefined) {
    yield unchecked('program', 'the version of KafkaJS: it is not installed here')
  } else if (isOlder(kafkaJs, OLDEST_KAFKAJS) || !kafkaJs.startsWith('2.')) {
    yield found('kafkajs-unsupported', {
      subject: `KafkaJS ${kafkaJs}`,
      what: `kafka-envelope is made for KafkaJS ${OLDEST_KAFKAJS} and later versions 2`,
      remedy: 'Install such a version: `npm install kafkajs@2`',
    })
  } else yield fine('program', `KafkaJS ${kafkaJs}`)

  yield ofEngine(engine)

  if (dekStore?.failure !== undefined) {
    yield found('dek-store-failed', {
      subject: '`dekStore`',
      what: `it cannot be read, so each restart makes new DEKs: ${dekStore.failure}`,
      remedy: 'Give this process, and nobody else, access to the store',
    })
  } else if (dekStore !== undefined) yield fine('program', 'the `dekStore` can be read')
}

function ofEngine({ wanted, problem }: Facts['program']['engine']): Outcome {
  if (problem === undefined) {
    return fine('program', wanted === 'node' ? 'engine node, as KAFKA_ENVELOPE_ENGINE says' : 'engine native')
  }
  if (wanted !== undefined && wanted !== '') {
    return found('engine-unusable', {
      subject: 'KAFKA_ENVELOPE_ENGINE',
      what: problem,
      remedy: 'Install kafka-envelope-native in the version of kafka-envelope, or unset the variable',
    })
  }
  if (problem.endsWith('is not installed'))
    return fine('program', 'engine node; kafka-envelope-native is not installed')
  return found('native-engine-unusable', {
    subject: 'kafka-envelope-native',
    what: `${problem}, so the slower engine on node:crypto is used`,
    remedy: 'Install it in the version of kafka-envelope, or remove it',
  })
}

function isOlder(version: string, than: string): boolean {
  const [a = [], b = []] = [version, than].map((text) => text.split(/[.-]/, 3).map(Number))
  const at = b.findIndex((part, i) => (a[i] ?? 0) !== part)
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0)
}
