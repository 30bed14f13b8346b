import * as zlib from 'node:zlib'
import * as v from 'valibot'
import { EnvelopeError, type ConfigIssue } from '../errors.js'
import type { Kms } from '../kms/kms.js'
import type { CheckedConfig, CheckedEncryptRule, CheckedReadRule, CheckedRule } from './checked.js'
import type { EncryptionConfig } from './config.js'
import { relations } from './relations.js'
import { configSchema, type ParsedConfig, type ParsedRule } from './schema.js'

/** Whether this Node.js has zstd (22.15, 23.8 and later). */
const HAS_ZSTD: boolean = 'zstdCompressSync' in zlib

/**
 * Checks a configuration and fills in its defaults.
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`
 */
export function checkConfig(input: EncryptionConfig): CheckedConfig {
  const parsed = v.safeParse(configSchema, input)
  const issues = [...(parsed.issues ?? []).map(shapeIssue), ...relations(input, HAS_ZSTD)]
  if (!parsed.success || issues.length > 0) throw configError(issues)
  return checked(parsed.output)
}

/** The error that reports `issues`, one a line. */
export function configError(issues: readonly ConfigIssue[]): EnvelopeError {
  const lines = issues.map(({ path, message }) => `\n  ${path}: ${message}`)
  return new EnvelopeError(
    'CONFIG_INVALID',
    `the configuration has ${issues.length === 1 ? 'a mistake' : `${String(issues.length)} mistakes`}${lines.join('')}\n`,
    { issues },
  )
}

type ShapeIssue = v.InferIssue<typeof configSchema>

function shapeIssue(issue: ShapeIssue): ConfigIssue {
  const path = (issue.path ?? []).reduce(
    (text, { key }) =>
      typeof key === 'number' ? `${text}[${String(key)}]` : `${text}${text && '.'}${String(key)}`,
    '',
  )
  if (issue.type === 'strict_object') {
    const message =
      issue.expected === 'never'
        ? 'unknown member'
        : issue.received === 'undefined'
          ? 'missing'
          : 'expected an object'
    return { path: path || '(root)', message }
  }
  const received = issue.input === undefined ? 'missing' : `got ${show(issue.input)}`
  return { path: path || '(root)', message: `${issue.message}; ${received}` }
}

/** A value as a message may repeat it: short, and nothing of what is inside objects. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value
}

function checked(config: ParsedConfig): CheckedConfig {
  return {
    kms: config.kms as Record<string, Kms>,
    cmks: config.cmks,
    rules: config.topics.map(checkedRule),
    cache: { maxDeks: config.cache.maxDeks, ttlMs: config.cache.ttl },
    kmsTimeoutMs: config.kmsTimeout,
    kmsRetries: config.kmsRetries,
    kmsBudget: config.kmsBudget,
    dekStore: config.dekStore,
  }
}

function checkedRule(rule: ParsedRule): CheckedRule {
  return {
    name: rule.name ?? rule.match[0] ?? '',
    match: rule.match,
    passthrough: rule.passthrough,
    encrypt: rule.encrypt && checkedEncrypt(rule.encrypt),
    read: rule.read && checkedRead(rule.read),
  }
}

/** Long enough for an outage to be noticed and mended, short beside the life of a DEK. */
const DEFAULT_PREFETCH_MS = 600_000

function checkedEncrypt({
  rotate,
  onKmsOutage,
  provisionedDek,
  keyWait,
  bindHeaders,
  ...rule
}: NonNullable<ParsedRule['encrypt']>): CheckedEncryptRule {
  return {
    ...rule,
    bindHeaders: bindHeaders.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    rotate: { maxAgeMs: rotate.maxAge, maxMessages: rotate.maxMessages, maxBytes: rotate.maxBytes },
    prefetchMs: rotate.prefetch ?? Math.min(Math.floor(rotate.maxAge / 10), DEFAULT_PREFETCH_MS),
    graceMs: onKmsOutage.grace,
    provisionedDek,
    keyWaitMs: keyWait,
  }
}

function checkedRead({
  cmk,
  plaintext,
  kmsWait,
  deadLetterTopic,
  ...rule
}: NonNullable<ParsedRule['read']>): CheckedReadRule {
  return {
    ...rule,
    cmks: typeof cmk === 'string' ? [cmk] : cmk,
    plaintext: {
      fingerprints: plaintext.fingerprints,
      untilOffsets: new Map(
        Object.entries(plaintext.untilOffsets).map(([topic, partitions]) => [
          topic,
          new Map(
            Object.entries(partitions).map(([partition, offset]) => [Number(partition), BigInt(offset)]),
          ),
        ]),
      ),
    },
    deadLetterTopic,
    kmsWaitMs: kmsWait,
  }
}
