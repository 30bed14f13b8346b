/** A forging process: sends envelopes that are whole, under DEKs that the readers' KMS never made. */
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { FORGED } from '../record.js'
import { encryptionOf, kafkaOf, serve, setup as given, tell } from './process.js'
import type { ForgerSetup } from './setup.js'

const BATCH = 250

const setup = given() as ForgerSetup
const { topic, count } = setup
serve({
  end: () => {
    process.disconnect()
  },
})

const encryption = await encryptionOf(setup)
const producer = encryptProducer(kafkaOf(setup).producer(), encryption)
await producer.connect()
tell('ready')
for (let from = 0; from < count; from += BATCH) {
  const forged = { key: FORGED, value: FORGED }
  const messages = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => ({
    ...forged,
    // So that they reach all partitions.
    key: `${FORGED}-${String(i)}`,
  }))
  await producer.send({ topic, messages })
}
await producer.disconnect()
await encryption.close()
tell('finished')
