import type { DynamicModule, FactoryProvider, ModuleMetadata } from '@nestjs/common'
import type { Encryption } from '../encryption.js'
import { closeInOrder } from './closing.js'

/** The injection token of the encryption: `@Inject(ENCRYPTION) encryption: Encryption`. */
export const ENCRYPTION: unique symbol = Symbol.for('kafka-envelope.nestjs.encryption') as never

const CLOSING = Symbol('kafka-envelope.nestjs.closing')

export interface EncryptionModuleOptions extends Pick<ModuleMetadata, 'imports'> {
  /** Makes the encryption: `() => createEncryption(config)`. Call its `verify()` here to fail at start. */
  readonly useFactory: FactoryProvider<Encryption>['useFactory']
  /** The injection tokens of what `useFactory` is called with. Default none. */
  readonly inject?: FactoryProvider['inject']
  /** Whether other modules need not import this one. Default false. */
  readonly isGlobal?: boolean
}

/**
 * Provides one encryption as `ENCRYPTION`. When the application shuts down, the module closes the sealed clients and
 * servers that use it, then the encryption. Signals reach it after `app.enableShutdownHooks()`.
 */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- the form in which Nest expects a module
export class EncryptionModule {
  static registerAsync(options: EncryptionModuleOptions): DynamicModule {
    const { imports = [], inject = [], useFactory, isGlobal = false } = options
    const onShutdown = (encryption: Encryption): object => ({
      onApplicationShutdown: () => closeInOrder(encryption),
    })
    return {
      module: EncryptionModule,
      global: isGlobal,
      imports,
      providers: [
        { provide: ENCRYPTION, inject, useFactory },
        { provide: CLOSING, inject: [ENCRYPTION], useFactory: onShutdown },
      ],
      exports: [ENCRYPTION],
    }
  }
}
