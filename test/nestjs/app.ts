import 'reflect-metadata'
import { Controller, Module, type DynamicModule, type INestMicroservice } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import {
  ClientsModule,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  ServerKafka,
  type AsyncMicroserviceOptions,
  type ClientKafka,
  type KafkaContext,
} from '@nestjs/microservices'
import type { Encryption } from '../../src/index.js'
import {
  ENCRYPTION,
  EncryptionModule,
  SealedClientKafka,
  SealedServerKafka,
  type SealedKafkaOptions,
} from '../../src/nestjs/index.js'

/** The topics of an application. Replies are on `<requests>.reply`. */
export interface Topics {
  readonly requests: string
  readonly events: string
}

/** The result of `createClient` in the Nest that is installed: synchronous before 12. */
export function asCreated<T>(kafka: unknown): Promise<T> {
  const isAsync = ServerKafka.prototype.createClient.constructor.name === 'AsyncFunction'
  return (isAsync ? Promise.resolve(kafka) : kafka) as Promise<T>
}

/** What an application does with requests, and with what its handlers were called. */
export interface Handled {
  answer: (request: never) => unknown
  onEvent: (event: unknown) => void
  readonly events: unknown[]
  readonly contexts: KafkaContext[]
}

export function handled(): Handled {
  return { answer: () => 'done', onEvent: () => undefined, events: [], contexts: [] }
}

/** A controller with a handler of requests and one of events. Decorators are called: the sources have none to compile. */
function controllerOf(seen: Handled, { requests, events }: Topics) {
  class Sums {
    request(request: never, context: KafkaContext): unknown {
      seen.contexts.push(context)
      return seen.answer(request)
    }
    event(event: unknown, context: KafkaContext): void {
      seen.contexts.push(context)
      seen.events.push(event)
      seen.onEvent(event)
    }
  }
  for (const [name, pattern] of [
    ['request', MessagePattern(requests)],
    ['event', EventPattern(events)],
  ] as const) {
    Payload()(Sums.prototype, name, 0)
    Ctx()(Sums.prototype, name, 1)
    void pattern(Sums.prototype, name, Object.getOwnPropertyDescriptor(Sums.prototype, name) as never)
  }
  Controller()(Sums)
  return Sums
}

type Options = Omit<SealedKafkaOptions, 'encryption'>

/** How an application is put together: its encryption, and the classes and options of client and server. */
export interface Parts {
  readonly encryption: () => Promise<Encryption>
  readonly topics: Topics
  readonly seen?: Handled
  readonly Server?: new (options: SealedKafkaOptions) => SealedServerKafka
  readonly Client?: new (options: SealedKafkaOptions) => ClientKafka
  readonly server?: Options
  readonly client?: Options
}

/** A microservice and a client of it in one application, wired as the documentation says. */
export async function appOf(parts: Parts): Promise<INestMicroservice> {
  const { seen = handled(), Server = SealedServerKafka, Client = SealedClientKafka } = parts
  class Root {
    readonly isRoot = true
  }
  Module({
    controllers: [controllerOf(seen, parts.topics)],
    imports: [encryptionOf(parts), clientsOf(Client, parts.client)],
  })(Root)
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares options as classes
  return NestFactory.createMicroservice<AsyncMicroserviceOptions>(Root, {
    logger: false,
    abortOnError: false,
    inject: [ENCRYPTION],
    useFactory: (encryption: Encryption) => ({ strategy: new Server({ ...parts.server, encryption }) }),
  })
}

function encryptionOf({ encryption }: Parts): DynamicModule {
  return EncryptionModule.registerAsync({ isGlobal: true, useFactory: encryption })
}

function clientsOf(Client: NonNullable<Parts['Client']>, options: Options = {}): DynamicModule {
  return ClientsModule.registerAsync([
    {
      name: 'KAFKA',
      inject: [ENCRYPTION],
      useFactory: (encryption: Encryption) => ({ customClass: Client, options: { ...options, encryption } }),
    },
  ])
}
