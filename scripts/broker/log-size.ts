import { once } from 'node:events'
import { connect } from 'node:net'
import type { Admin } from 'kafkajs'

/*
 * KafkaJS cannot ask how much space a topic takes, so this speaks the few bytes of the protocol that say it: the request
 * DescribeLogDirs, https://kafka.apache.org/protocol#The_Messages_DescribeLogDirs
 */

const DESCRIBE_LOG_DIRS = 35
/** The oldest that Kafka 4 still knows. */
const VERSION = 1
const CLIENT = 'kafka-envelope-log-size'
const TIMEOUT_MS = 10_000

/** Bytes in the log of a topic of one partition, as its broker states them: records alone, nothing that it reserves. */
export async function logSize(admin: Admin, topic: string): Promise<number> {
  const { brokers } = await admin.describeCluster()
  // The leader has all of it, followers at most as much, others nothing.
  return Math.max(...(await Promise.all(brokers.map(({ host, port }) => sizeOn(host, port, topic)))))
}

async function sizeOn(host: string, port: number, topic: string): Promise<number> {
  const socket = connect({ host, port, timeout: TIMEOUT_MS })
  socket.on('timeout', () => socket.destroy(new Error(`${host}:${String(port)} does not answer`)))
  try {
    await once(socket, 'connect')
    socket.write(framed(request(topic)))
    let received = Buffer.alloc(0)
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer])
      if (received.length >= 4 && received.length >= 4 + received.readInt32BE()) break
    }
    return sizeIn(received, topic)
  } finally {
    socket.destroy()
  }
}

function request(topic: string): Buffer {
  const correlation = 1
  const [topics, partitions, partition] = [int32(1), int32(1), int32(0)]
  return Buffer.concat([
    ...[int16(DESCRIBE_LOG_DIRS), int16(VERSION), int32(correlation), text(CLIENT)],
    ...[topics, text(topic), partitions, partition],
  ])
}

/** Sums what the folders of a broker have of the topic. */
function sizeIn(response: Buffer, topic: string): number {
  let at = 0
  const skip = (bytes: number): number => (at += bytes) - bytes
  const number = (): number => response.readInt32BE(skip(4))
  const string = (): string => {
    const length = response.readInt16BE(skip(2))
    return response.toString('utf8', skip(length), at)
  }
  let size = 0
  const [lengthCorrelationThrottle, lagAndFuture] = [12, 9]
  skip(lengthCorrelationThrottle)
  for (let folders = number(); folders > 0; folders--) {
    const error = response.readInt16BE(skip(2))
    const folder = string()
    if (error !== 0) throw new Error(`${folder}: the broker answers with error ${String(error)}`)
    for (let topics = number(); topics > 0; topics--) {
      const name = string()
      for (let partitions = number(); partitions > 0; partitions--) {
        skip(4)
        const bytes = Number(response.readBigInt64BE(skip(8)))
        skip(lagAndFuture)
        if (name === topic) size += bytes
      }
    }
  }
  return size
}

function framed(request: Buffer): Buffer {
  return Buffer.concat([int32(request.length), request])
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
