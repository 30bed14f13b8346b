import { Agent } from 'node:http'
import * as v from 'valibot'
import { configError } from '../errors.js'
import { duration, type Duration } from '../units.js'
import { TOKEN } from './bearer-service.js'
import { parseOptions } from './option-schema.js'

/** How to reach a service over HTTPS. */
export interface ServiceOptions {
  /** Certificates in PEM form that are trusted besides those of Node.js. Default none. */
  readonly ca?: string
  /** Your own agent, for a proxy or client certificates. You close it. Excludes `ca`. */
  readonly agent?: Agent
  /**
   * How long one request may take, and how long the source of access tokens may take: 1ms to 1m; a number is
   * milliseconds, at least 1,000. Default 10s.
   */
  readonly requestTimeout?: Duration
}

/** For the schema of a provider: the options that are plain data, which a configuration file has too. */
export const plainServiceOptions = {
  ca: v.optional(
    v.pipe(
      v.string('expected certificates in PEM form'),
      v.regex(/^\s*-----BEGIN CERTIFICATE-----/, 'expected certificates in PEM form'),
    ),
  ),
  requestTimeout: v.optional(duration(1, 60_000, 1000), '10s'),
}

const ACCESS_TOKEN = 'expected an access token: visible ASCII characters'
/** A token that stands in a configuration file. */
export const accessToken: v.GenericSchema<string> = v.pipe(
  v.string(ACCESS_TOKEN),
  v.regex(TOKEN, ACCESS_TOKEN),
)

/** For the schema of a provider. */
export const serviceOptions = {
  ...plainServiceOptions,
  agent: v.optional(v.instance(Agent, 'expected an agent of node:http or node:https')),
}

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
  const { issues, checked } = parseOptions(schema, options)
  if (checked?.agent !== undefined && checked.ca !== undefined)
    issues.push({ path: 'ca', message: 'cannot be combined with `agent`, which has certificates of its own' })
  if (checked !== undefined && issues.length === 0) return checked
  throw configError(issues, { subject: `the options of ${factory}` })
}
