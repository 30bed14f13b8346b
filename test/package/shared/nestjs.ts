import 'reflect-metadata'
import { Controller, Inject, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ClientKafka, ClientsModule, Ctx, EventPattern, KafkaContext } from '@nestjs/microservices'
import type { AsyncMicroserviceOptions } from '@nestjs/microservices'
import { lastValueFrom } from 'rxjs'
import { createEncryption, type Encryption } from 'kafka-envelope'
import { memoryKms } from 'kafka-envelope/kms/memory'
import * as nestjs from 'kafka-envelope/nestjs'
import { fakeKafka } from './fake-kafka.cjs'

/*
 * An application with a client and a server, with the decorators and the metadata that TypeScript makes of them: a client
 * sends an event, and then the server reads it.
 */
const kafka = fakeKafka()
const billed: string[] = []

class Server extends nestjs.SealedServerKafka {
  // Nest 11 declares another type than 12.
  override createClient(): never {
    return kafka as never
  }
}

class Client extends nestjs.SealedClientKafka {
  override createClient(): never {
    return kafka as never
  }
}

@Controller()
class Billing {
  constructor(@Inject('KAFKA') readonly client: ClientKafka) {}

  @EventPattern('orders')
  bill(@Ctx() context: KafkaContext): void {
    const message = context.getMessage()
    billed.push(`${JSON.stringify(message.value)} of ${String(nestjs.envelopeOf(message)?.topic)}`)
  }
}

const encryption = nestjs.EncryptionModule.registerAsync({
  isGlobal: true,
  useFactory: () =>
    createEncryption({
      kms: { dev: memoryKms({ cmks: ['orders'] }) },
      cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
      topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
    }),
})
const inject = [nestjs.ENCRYPTION]
const options = { producerOnlyMode: true }
const useFactory = (made: Encryption) => ({ customClass: Client, options: { ...options, encryption: made } })
const clients = ClientsModule.registerAsync([{ name: 'KAFKA', inject, useFactory }])

@Module({ imports: [encryption, clients], controllers: [Billing] })
class App {}

async function main(): Promise<void> {
  const microservice: AsyncMicroserviceOptions = {
    inject,
    useFactory: (made: Encryption) => ({ strategy: new Server({ encryption: made }) }),
  }
  const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(App, {
    ...microservice,
    logger: ['error'],
  })
  await lastValueFrom(app.get(Billing).client.emit('orders', { total: '19.90' }))
  const [stored] = kafka.sent as { value: Buffer }[]
  if (stored?.value[0] !== 0xc3 || stored.value.includes('19.90')) throw new Error('the event is not sealed')
  await app.listen()
  if (billed.join() !== '{"total":"19.90"} of orders') throw new Error(`the server read ${billed.join()}`)
  const made = app.get<Encryption>(nestjs.ENCRYPTION)
  await app.close()
  const code = await made.verify().catch((error: { code?: string }) => error.code)
  if (code !== 'ENCRYPTION_CLOSED') throw new Error('the encryption was not closed')
}

main().catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
