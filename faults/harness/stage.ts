import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Admin } from 'kafkajs'
import { accountsOf, type Accounts } from './accounts.js'
import type { BreakableBroker } from './broker.js'
import { Child } from './child.js'
import { newKeyring, underOneCmk, type LocalKeyring, type RuleSetup } from './encryption.js'
import { FaultyKms } from './kms.js'
import { consumedIn, producedIn } from './ledger.js'
import type {
  ConsumerSetup,
  EncryptionSetup,
  ForgerSetup,
  ProducerSetup,
  RecipeSetup,
} from './processes/setup.js'
import { Progress } from './progress.js'
import type { Random } from './random.js'
import type { Point } from './slope.js'
import { Tail } from './tail.js'

/** What the runner gives a schedule. */
export interface StageOptions {
  readonly name: string
  readonly brokers: readonly string[]
  /** The broker that the schedule may break, if it asks for one. */
  readonly breakable: BreakableBroker | undefined
  /** For ledgers and keys. */
  readonly folder: string
  readonly random: Random
  readonly isLong: boolean
}

/** Long enough for what takes its time on a busy machine; a wait that fails says for what. */
const WAIT_MS = 120_000
const LOOK_MS = 50

/** Where a schedule plays: its topics, KMSs and processes, and the books that they keep. */
export class Stage {
  readonly name: string
  readonly random: Random
  readonly isLong: boolean
  readonly topics: string[] = []
  readonly producers: Child[] = []
  readonly consumers: Child[] = []
  /** Those that keep no books. */
  readonly others: Child[] = []
  /** What the schedule measured, for its row in the report. */
  readonly figures: Record<string, number> = {}
  /** What it measured over time, for the chart: seconds and values. */
  readonly series: Record<string, Point[]> = {}
  readonly #options: StageOptions
  readonly #kafka: Kafka
  readonly #kms: FaultyKms[] = []
  readonly #progress = new Progress()
  #admin: Admin | undefined

  constructor(options: StageOptions) {
    this.#options = options
    this.name = options.name
    this.random = options.random
    this.isLong = options.isLong
    const brokers = [...(options.breakable?.direct ?? options.brokers)]
    this.#kafka = new Kafka({ brokers, clientId: options.name, logLevel: logLevel.NOTHING })
  }

  get children(): readonly Child[] {
    return [...this.producers, ...this.consumers, ...this.others]
  }

  /** @throws Error unless the schedule `breaksBroker` */
  get breakable(): BreakableBroker {
    const { breakable } = this.#options
    if (breakable === undefined) throw new Error(`${this.name} has no broker that it may break`)
    return breakable
  }

  /** Plain KafkaJS, for what the schedule itself does on the broker. */
  get kafka(): Kafka {
    return this.#kafka
  }

  get folder(): string {
    return this.#options.folder
  }

  async admin(): Promise<Admin> {
    if (this.#admin === undefined) {
      this.#admin = this.#kafka.admin()
      await this.#admin.connect()
    }
    return this.#admin
  }

  async kms(): Promise<FaultyKms> {
    const kms = await FaultyKms.start(this.folder, `kms-${String(this.#kms.length)}`)
    this.#kms.push(kms)
    return kms
  }

  /** A new topic that the rule encrypts. */
  topic(name: string, partitions = 3, config: Readonly<Record<string, string>> = {}): Promise<string> {
    return this.#newTopic(`${this.name}.${name}`, partitions, config)
  }

  /** The topic for dead letters, which the rule does not read. It does not exist at first. */
  get deadLetters(): string {
    return `dead-letters.${this.name}`
  }

  createDeadLetters(config: Readonly<Record<string, string>> = {}): Promise<string> {
    return this.#newTopic(this.deadLetters, 1, config)
  }

  async #newTopic(
    topic: string,
    partitions: number,
    config: Readonly<Record<string, string>>,
  ): Promise<string> {
    const admin = await this.admin()
    const configEntries = Object.entries(config).map(([entry, value]) => ({ name: entry, value }))
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, configEntries }],
      waitForLeaders: false,
    })
    await this.until(`leaders of ${topic}`, () =>
      admin.fetchTopicOffsets(topic).then(
        (offsets) => offsets.length === partitions,
        () => false,
      ),
    )
    this.topics.push(topic)
    return topic
  }

  /** A new keyring, for schedules that need more DEKs than a service gives, and no fault of it. */
  keyring(name: string): Promise<LocalKeyring> {
    return newKeyring(join(this.folder, `${name}.keyring`))
  }

  /** An encryption in which every topic of the schedule is under the CMK of one KMS. */
  encryption(kms: FaultyKms | LocalKeyring, rules: RuleSetup = {}): EncryptionSetup {
    return underOneCmk(`${this.name}.*`, kms, rules)
  }

  async producer(
    setup: Pick<ProducerSetup, 'topic' | 'encryption'> & Partial<ProducerSetup>,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Child> {
    const name = `producer-${String(this.producers.length)}`
    const child = new Child(
      'producer',
      { keys: 20, batch: 10, pauseMs: 20, ...this.#common(name), ...setup } satisfies ProducerSetup,
      env,
    )
    this.producers.push(child)
    this.#progress.produced(new Tail(child.ledger))
    await this.#ready(child)
    return child
  }

  async consumer(
    setup: Pick<ConsumerSetup, 'topics' | 'encryption'> & Partial<ConsumerSetup>,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Child> {
    const name = `consumer-${String(this.consumers.length)}`
    const child = new Child(
      'consumer',
      {
        group: this.name,
        handler: this.random.pick(['eachMessage', 'eachBatch']),
        concurrency: this.random.int(1, 3),
        handleMs: 0,
        sessionTimeoutMs: 10_000,
        isSupervised: true,
        ...this.#common(name),
        ...setup,
      } satisfies ConsumerSetup,
      env,
    )
    this.consumers.push(child)
    this.#progress.consumed(new Tail(child.ledger))
    await this.#ready(child)
    return child
  }

  /** Sends envelopes that were sealed under a CMK of the same name in another KMS, each under a DEK of its own. */
  async forger(setup: Pick<ForgerSetup, 'topic' | 'encryption' | 'count'>): Promise<Child> {
    const forger = new Child('forger', { ...this.#common('forger'), ...setup } satisfies ForgerSetup)
    this.others.push(forger)
    await this.#ready(forger)
    return forger
  }

  /** A process that runs the recipe for exactly once. */
  async recipe(
    setup: Pick<RecipeSetup, 'from' | 'to' | 'encryption'> & Partial<RecipeSetup>,
  ): Promise<Child> {
    const count = this.others.length
    const recipe = new Child('recipe', {
      ...this.#common(`recipe-${String(count)}`),
      folder: this.folder,
      commitDelayMs: 0,
      ...setup,
    } satisfies RecipeSetup)
    this.others.push(recipe)
    await this.#ready(recipe)
    return recipe
  }

  /** Records on a topic. */
  async written(topic: string): Promise<number> {
    const offsets = await (await this.admin()).fetchTopicOffsets(topic)
    return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  }

  /** Records that a producer had acknowledged so far. */
  get acknowledged(): number {
    return this.#progress.look().acknowledged
  }

  /** Different records that were delivered so far: all, those from a topic, or those of a producer. */
  delivered(origin?: string): number {
    const { delivered, of } = this.#progress.look()
    return origin === undefined ? delivered : (of.get(origin) ?? 0)
  }

  sleep(ms: number): Promise<void> {
    return sleep(ms)
  }

  async until(what: string, condition: () => unknown, timeoutMs = WAIT_MS): Promise<void> {
    const end = performance.now() + timeoutMs
    while (!(await condition())) {
      if (performance.now() > end) throw new Error(`waited ${String(timeoutMs / 1000)} s in vain for ${what}`)
      await sleep(LOOK_MS)
    }
  }

  /** Waits until there are `more` deliveries than now. */
  async flows(more = 20, timeoutMs = WAIT_MS): Promise<void> {
    const before = this.delivered()
    await this.until(`${String(more)} more deliveries`, () => this.delivered() >= before + more, timeoutMs)
  }

  /** @throws Error unless it holds */
  check(holds: boolean, law: string): void {
    if (!holds) throw new Error(`broken: ${law}`)
  }

  /** Checks that no consumer crashed, and that their group did not rebalance since then. @param since in ms, as `performance.now()` */
  checkCalm(since: number): void {
    for (const consumer of this.consumers) {
      this.check(consumer.heard('crash').length === 0, 'no consumer crashes')
      this.check(consumer.heard('rebalancing', since).length === 0, 'the group does not rebalance')
    }
  }

  /** Lets producers finish, and waits until everything that was acknowledged is delivered. */
  async drained(timeoutMs = WAIT_MS): Promise<void> {
    for (const producer of this.producers) producer.ask('finish')
    await this.until(
      'the producers to finish',
      () => this.producers.every((one) => one.isGone || one.heard('finished').length > 0),
      timeoutMs,
    )
    await this.until('every record', () => this.#progress.look().missing === 0, timeoutMs)
  }

  /** What all processes wrote down. */
  accounts(): Accounts {
    return accountsOf({
      produced: this.producers.flatMap(({ ledger }) => [...parsed(ledger, producedIn)]),
      consumed: this.consumers.map(({ ledger }) => parsed(ledger, consumedIn)),
    })
  }

  /** Ends all processes, then what they used. */
  async close(): Promise<void> {
    const children = this.children.filter(({ isGone }) => !isGone)
    await Promise.all(
      children.map((child) => Promise.race([child.end(), sleep(10_000).then(() => child.kill())])),
    )
    await Promise.all(this.#kms.map((kms) => kms.close()))
    await this.#admin?.disconnect()
  }

  #common(name: string): Pick<ProducerSetup, 'name' | 'brokers' | 'ledger'> {
    return { name, brokers: this.#options.brokers, ledger: join(this.folder, `${name}.ledger`) }
  }

  #ready(child: Child): Promise<void> {
    return this.until(`${child.name} to start`, () => {
      if (child.isGone) throw new Error(`${child.name} did not start`)
      return child.heard('ready').length > 0
    })
  }
}

function* parsed<T>(path: string, parse: (line: string) => T): Generator<T> {
  for (const line of new Tail(path).lines()) yield parse(line)
}
