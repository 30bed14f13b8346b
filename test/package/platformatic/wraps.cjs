/** Wraps clients that connect to nothing. */
module.exports = async ({ Consumer, Producer, createEncryption, encryptProducer, decryptConsumer }) => {
  const encryption = await createEncryption({
    kms: {},
    cmks: {},
    topics: [{ match: ['open'], passthrough: true }],
  })
  const client = { clientId: 'shop', bootstrapBrokers: ['127.0.0.1:1'] }
  const producer = encryptProducer(new Producer(client), encryption)
  const consumer = decryptConsumer(new Consumer({ ...client, groupId: 'billing' }), encryption)
  const message = { topic: 'orders', value: Buffer.from('secret') }
  const refused = await producer.send({ messages: [message] }).catch(({ code }) => code)
  if (refused !== 'TOPIC_NOT_CONFIGURED') throw new Error(`sending without a rule: ${refused}`)
  const unread = await consumer.consume({ topics: ['orders'] }).catch(({ code }) => code)
  if (unread !== 'TOPIC_NOT_CONFIGURED') throw new Error(`reading without a rule: ${unread}`)
  await encryption.close()
}
