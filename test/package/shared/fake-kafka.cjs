/** As much of KafkaJS as a round trip needs: a consumer that runs immediately gets the messages sent before. */
exports.fakeKafka = () => {
  const sent = []
  const nothing = async () => {}
  const lifecycle = { connect: nothing, disconnect: nothing, on: () => () => {}, events: {} }
  const bytes = (given) => (given == null ? null : Buffer.from(given))
  const offset = String
  return {
    sent,
    producer: () => ({
      ...lifecycle,
      send: async ({ topic, messages }) => {
        for (const { key, value, headers = {} } of messages) {
          sent.push({
            topic,
            key: bytes(key),
            value: bytes(value),
            headers,
            timestamp: '0',
            offset: offset(sent.length),
          })
        }
        return []
      },
    }),
    consumer: () => ({
      ...lifecycle,
      events: {
        GROUP_JOIN: 'consumer.group_join',
        CRASH: 'consumer.crash',
        DISCONNECT: 'consumer.disconnect',
      },
      subscribe: nothing,
      stop: nothing,
      run: async ({ eachMessage, eachBatch }) => {
        const payload = { topic: 'orders', partition: 0, heartbeat: nothing, pause: () => () => {} }
        for (const message of eachMessage ? sent : []) await eachMessage({ ...payload, message })
        const batch = {
          topic: 'orders',
          partition: 0,
          messages: sent,
          highWatermark: offset(sent.length),
          lastOffset: () => offset(sent.length - 1),
        }
        const isRunning = () => true
        await eachBatch?.({ ...payload, batch, resolveOffset: () => {}, isRunning, isStale: () => false })
      },
    }),
  }
}
