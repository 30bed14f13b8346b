import { Agent } from 'node:http'
import * as v from 'valibot'
import { configError, type ConfigIssue } from '../errors.js'
import { duration, type Duration } from '../units.js'

/** How to reach a service over HTTPS. */
export interface ServiceOptions {
  /** Certificates in PEM form that are trusted besides those of Node.js. */
  readonly ca?: string
  /** Your own agent, for a proxy or client certificates. You close it. Excludes `ca`. */
  readonly agent?: Agent
  /**
   * How long one request may take, and how long the source of access tokens may take: 1ms to 1m; a number is
   * milliseconds, at least 1,000. Default 10s.
   */
  readonly requestTimeout?: Duration
}

/** For the schema of a provider. */
export const serviceOptions = {
  ca: v.optional(
    v.pipe(
      v.string('expected certificates in PEM form'),
      v.regex(/^\s*-----BEGIN CERTIFICATE-----/, 'expected certificates in PEM form'),
    ),
  ),
  agent: v.optional(v.instance(Agent, 'expected an agent of node:http or node:https')),
  requestTimeout: v.optional(duration(1, 60_000, 1000), '10s'),
}

const PER_SECOND = 'expected a number above 0 and at most 100,000'

/** Calls a second. */
export const perSecond = (byDefault: number): v.GenericSchema<number | undefined, number> =>
  v.optional(
    v.pipe(v.number(PER_SECOND), v.gtValue(0, PER_SECOND), v.maxValue(100_000, PER_SECOND)),
    byDefault,
  )

interface CheckedServiceOptions {
  readonly ca?: string | undefined
  readonly agent?: Agent | undefined
}

/**
 * @param factory the function that takes the options, for messages
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value
 */
export function checkedOptions<Checked extends CheckedServiceOptions>(
  schema: v.GenericSchema<unknown, Checked>,
  options: unknown,
  factory: string,
): Checked {
  const parsed = v.safeParse(schema, options)
  const issues: ConfigIssue[] = (parsed.issues ?? []).map((issue) => ({
    path: v.getDotPath(issue) ?? '(root)',
    message: issue.type === 'strict_object' && issue.expected === 'never' ? 'unknown member' : issue.message,
  }))
  if (parsed.success && parsed.output.agent !== undefined && parsed.output.ca !== undefined)
    issues.push({ path: 'ca', message: 'cannot be combined with `agent`, which has certificates of its own' })
  if (parsed.success && issues.length === 0) return parsed.output
  throw configError(issues, { subject: `the options of ${factory}` })
}
