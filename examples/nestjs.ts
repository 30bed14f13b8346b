// A NestJS microservice on Kafka: wrap the KafkaJS client that Nest makes, and controllers stay unchanged.
import 'reflect-metadata'
import { Controller, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ClientKafka, EventPattern, Payload, ServerKafka } from '@nestjs/microservices'
import { Kafka } from 'kafkajs'
import { createEncryption } from 'kafka-envelope'
import { encryptKafka } from 'kafka-envelope/kafkajs'
import { localKms } from 'kafka-envelope/kms/local'

const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: './dev.keyring' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: ['nest.orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
})
class EncryptedServer extends ServerKafka {
  override async createClient<T>(): Promise<T> {
    return encryptKafka(await super.createClient<Kafka>(), encryption) as T
  }
}
class EncryptedClient extends ClientKafka {
  override async createClient<T>(): Promise<T> {
    return encryptKafka(await super.createClient<Kafka>(), encryption) as T
  }
  onApplicationShutdown(): Promise<void> {
    return this.close()
  }
}
const client = { brokers: [process.env.KAFKA_BROKERS ?? 'localhost:9092'] }
const admin = new Kafka(client).admin()
await admin.connect()
await admin.createTopics({ topics: [{ topic: 'nest.orders' }] })
await admin.disconnect()
let seen: (order: unknown) => void
const billed = new Promise<unknown>((resolve) => (seen = resolve))

@Controller()
class Billing {
  @EventPattern('nest.orders')
  bill(@Payload() order: unknown): void {
    seen(order)
  }
}
// Inject it as usual: `constructor(@Inject('KAFKA') private kafka: ClientKafka)`.
const KAFKA = { provide: 'KAFKA', useFactory: () => new EncryptedClient({ client, producerOnlyMode: true }) }
@Module({ controllers: [Billing], providers: [KAFKA] })
class App {}

const consumer = { groupId: 'nest' }
const strategy = new EncryptedServer({ client, consumer, subscribe: { fromBeginning: true } })
const app = await NestFactory.createMicroservice(App, { strategy })
await app.listen()
app.get<ClientKafka>('KAFKA').emit('nest.orders', { key: '42', value: { total: '19.90 €' } })
console.log('billed', await billed)

// Nest disconnects its clients first; they need the keys until then.
await app.close()
await encryption.close()
