import type { BatchObservableCallback, Meter } from '@opentelemetry/api'
import type { Encryption, Health, KeyLookups, SealingState } from '../index.js'
import { ATTR, KAFKA, OTHER } from './attributes.js'
import type { Instruments } from './instruments.js'
import { Levels, type Level } from './levels.js'
import type { Tally } from './tally.js'

/** Reads states when metrics are collected, not when they change. Returns a function that ends it. */
export function readStates(
  encryption: Encryption,
  meter: Meter,
  instruments: Instruments,
  tallies: readonly Tally[],
): () => void {
  const timeToRotation = instruments['kafka_envelope.dek.time_to_rotation']
  const graceLeft = instruments['kafka_envelope.grace.time_left']
  const startTime = instruments['kafka_envelope.process.start_time']
  const cmks = new Levels(instruments['kafka_envelope.cmk.rules'])
  const deks = new Levels(instruments['kafka_envelope.dek.count'])
  const overrides = new Levels(instruments['kafka_envelope.override.count'])
  const waiting = new Levels(instruments['kafka_envelope.consumer.waiting'])
  const stopped = new Levels(instruments['kafka_envelope.consumer.stopped'])
  let lookups = encryption.health().keyLookups

  const count = (health: Health): void => {
    for (const tally of tallies) tally.flush()
    for (const result of ['hits', 'misses'] as const satisfies (keyof KeyLookups)[]) {
      instruments['kafka_envelope.key.lookups'].add(health.keyLookups[result] - lookups[result], {
        [ATTR.keyLookup]: result === 'hits' ? 'hit' : 'miss',
      })
    }
    lookups = health.keyLookups
  }
  const collect: BatchObservableCallback = (observed) => {
    const health = encryption.health()
    count(health)
    observed.observe(startTime, performance.timeOrigin / 1000)
    cmks.set(cmkLevels(health))
    deks.set(dekLevels(health))
    overrides.set(overrideLevels(health))
    waiting.set(waitingLevels(health))
    stopped.set(stoppedLevels(health))
    for (const rule of new Set(health.sealingKeys.map((state) => state.rule))) {
      const states = health.sealingKeys.filter((state) => state.rule === rule)
      const attributes = { [ATTR.rule]: rule }
      observed.observe(
        timeToRotation,
        shortest(states, ({ rotatesInMs }) => rotatesInMs),
        attributes,
      )
      observed.observe(
        graceLeft,
        shortest(states, ({ grace }) => grace?.leftMs),
        attributes,
      )
    }
  }
  meter.addBatchObservableCallback(collect, [startTime, timeToRotation, graceLeft])
  return () => {
    meter.removeBatchObservableCallback(collect, [startTime, timeToRotation, graceLeft])
    count(encryption.health())
    cmks.set([])
    deks.set([])
    overrides.set([])
    waiting.set([])
    stopped.set([])
  }
}

function cmkLevels({ cmks }: Health): Level[] {
  return cmks.flatMap(({ kms, cmkId, ...rules }) =>
    (['sealing', 'opening'] as const).map((side): Level => [
      { [ATTR.kmsName]: kms, [ATTR.cmkId]: cmkId, [ATTR.side]: side },
      rules[side].length,
    ]),
  )
}

function dekLevels({ sealingKeys, openedDeks }: Health): Level[] {
  const ofState = (key: SealingState): Level[] => {
    const level = (state: SealingState['state'] | 'next', is: boolean): Level => [
      { [ATTR.rule]: key.rule, [ATTR.dekState]: state },
      is ? 1 : 0,
    ]
    return [
      level('ready', key.state === 'ready'),
      level('next', key.nextReady === true),
      level('grace', key.state === 'grace'),
    ]
  }
  return [...sealingKeys.flatMap(ofState), [{ [ATTR.dekState]: 'opened' }, openedDeks]]
}

// Makes the series exist before anything happens.
const NONE: Level = [KAFKA, 0]

function overrideLevels({ overrides }: Health): Level[] {
  return [
    NONE,
    ...overrides.map(({ topic, rule, state }): Level => [
      { ...KAFKA, [ATTR.topic]: topic, [ATTR.rule]: rule, [ATTR.overrideState]: state },
      1,
    ]),
  ]
}

function waitingLevels({ waiting }: Health): Level[] {
  return [
    NONE,
    ...waiting.map(({ topic, code }): Level => [
      { ...KAFKA, [ATTR.topic]: topic, [ATTR.errorType]: code },
      1,
    ]),
  ]
}

function stoppedLevels({ stopped }: Health): Level[] {
  return [
    NONE,
    ...stopped.map(({ groupId, code }): Level => [
      { ...KAFKA, [ATTR.group]: groupId, [ATTR.errorType]: code ?? OTHER },
      1,
    ]),
  ]
}

/** In seconds; 0 if there is none. */
function shortest(
  states: readonly SealingState[],
  msOf: (state: SealingState) => number | undefined,
): number {
  const times = states.map(msOf).filter((ms) => ms !== undefined)
  return times.length === 0 ? 0 : Math.min(...times) / 1000
}
