// A NestJS service on Kafka with a client of it. Events, requests, replies and the errors of handlers are sealed.
import 'reflect-metadata'
import { Controller, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ClientsModule, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices'
import type { AsyncMicroserviceOptions, ClientKafka } from '@nestjs/microservices'
import { Kafka } from 'kafkajs'
import { lastValueFrom, retry } from 'rxjs'
import { createEncryption, type Encryption } from 'kafka-envelope'
import { localKms } from 'kafka-envelope/kms/local'
import { ENCRYPTION, EncryptionModule, SealedClientKafka, SealedServerKafka } from 'kafka-envelope/nestjs'

// Replies come on <pattern>.reply: without a rule for it, the service does not start.
const match = ['nest.orders', 'nest.prices', 'nest.prices.reply']
const config = {
  kms: { dev: localKms({ keyring: './dev.keyring' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match, encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
} as const
const client = { brokers: [process.env.KAFKA_BROKERS ?? 'localhost:9092'] }
const kafka = { client, consumer: { groupId: 'shop' }, subscribe: { fromBeginning: true } }
const admin = new Kafka(client).admin()
await admin.connect()
await admin.createTopics({ topics: match.map((topic) => ({ topic })) })
await admin.disconnect()

@Controller()
class Billing {
  @EventPattern('nest.orders')
  bill(@Payload() order: unknown): void {
    console.log('billed', order)
  }
  @MessagePattern('nest.prices')
  price(@Payload() article: string): string {
    if (article !== 'tea') throw new RpcException(`no price for ${article}`)
    return '19.90 €'
  }
}
const customClass = SealedClientKafka
const forClient = (encryption: Encryption) => ({ customClass, options: { ...kafka, encryption } })
const forServer = (encryption: Encryption) => ({ strategy: new SealedServerKafka({ ...kafka, encryption }) })
const inject = [ENCRYPTION]
const useFactory = () => createEncryption(config)
const encryption = EncryptionModule.registerAsync({ isGlobal: true, useFactory })
const clients = ClientsModule.registerAsync([{ name: 'PRICES', inject, useFactory: forClient }])
@Module({ imports: [encryption, clients], controllers: [Billing] })
class App {}

const options: AsyncMicroserviceOptions = { inject, useFactory: forServer }
const app = await NestFactory.createMicroservice(App, options)
const prices = app.get<ClientKafka>('PRICES') // elsewhere, `@Inject('PRICES') prices: ClientKafka`
prices.subscribeToResponseOf('nest.prices')
await Promise.all([app.listen(), prices.connect()])
await lastValueFrom(prices.emit('nest.orders', { key: '42', value: { total: '19.90 €' } }))
// A new broker needs a moment until the client has joined its group for replies.
const joined = retry<string>({ count: 50, delay: 200 })
console.log('price', await lastValueFrom(prices.send<string>('nest.prices', 'tea').pipe(joined)))
await lastValueFrom(prices.send('nest.prices', 'gold')).catch((error) => console.log('refused', error))
await app.close() // closes server and client, then the encryption, whose keys they need until then
