import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Kafka, KafkaConfig } from 'kafkajs'
import * as v from 'valibot'
import { broker, readKafkaFile } from './kafka-file.js'

const MODULES = ['.js', '.mjs', '.cjs']

/** How a command reaches Kafka. */
export interface KafkaOptions {
  readonly brokers?: readonly string[]
  readonly kafka?: string
}

/** Adds `--brokers` and `--kafka`. */
export function withKafkaOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--brokers <host:port,...>', 'brokers to start from, without TLS')
        .argParser(brokerList)
        .conflicts('kafka'),
    )
    .option(
      '--kafka <file>',
      'a YAML or JSON file with brokers, ssl and sasl as KafkaJS takes them, or a module in JavaScript that exports `kafka`',
    )
}

/**
 * A client for the cluster that the options name.
 * @throws EnvelopeError CONFIG_INVALID, or an Error if they name none, or KafkaJS is not installed
 */
export async function connectKafka({ brokers, kafka: file }: KafkaOptions): Promise<Kafka> {
  if (brokers === undefined && file === undefined) throw new Error('error: give --brokers or --kafka')
  if (file !== undefined && MODULES.includes(extname(file))) return ofModule(file)
  const config: KafkaConfig =
    file === undefined ? { brokers: [...(brokers ?? [])] } : await readKafkaFile(file, process.env)
  const { Kafka, logLevel } = await loadKafkaJs()
  // What KafkaJS would log, the command says itself.
  return new Kafka({ clientId: 'kafka-envelope', logLevel: logLevel.NOTHING, ...config })
}

async function ofModule(file: string): Promise<Kafka> {
  const { kafka } = (await import(pathToFileURL(resolve(file)).href)) as { readonly kafka?: Kafka }
  if (kafka === undefined) throw new Error(`${file} has to export \`kafka\``)
  return kafka
}

async function loadKafkaJs(): Promise<typeof import('kafkajs')> {
  try {
    const { default: kafkajs } = await import('kafkajs')
    return kafkajs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error('this command needs KafkaJS: npm install kafkajs', { cause: error })
  }
}

function brokerList(text: string): readonly string[] {
  const brokers = text.split(',').map((each) => each.trim())
  if (!brokers.every((each) => v.is(broker, each))) {
    throw new InvalidArgumentError('Expected host:port, or several of them with commas between.')
  }
  return brokers
}
