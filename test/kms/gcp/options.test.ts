import { Agent } from 'node:http'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { gcpKms, type GcpKmsOptions } from '../../../src/kms/gcp/index.js'

const accessToken = () => Promise.resolve('ya29.hunter2')
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

/** The paths of the mistakes in `options`. */
function mistakes(options: unknown): string[] {
  try {
    gcpKms(options as GcpKmsOptions)
    return []
  } catch (error) {
    if (!(error instanceof EnvelopeError) || error.code !== 'CONFIG_INVALID') throw error
    expect(error.message).toContain('gcpKms()')
    expect(error.message).not.toContain('hunter2')
    return error.issues.map(({ path }) => path)
  }
}

describe('options of gcpKms()', () => {
  it.each<GcpKmsOptions>([
    { accessToken },
    { accessToken: { getAccessToken: accessToken } },
    { accessToken: { getAccessToken: () => Promise.resolve({ token: 'ya29.x' }) } },
    { accessToken, endpoint: 'https://cloudkms.europe-west3.rep.googleapis.com' },
    { accessToken, endpoint: 'http://127.0.0.1:8080' },
    { accessToken, agent: new Agent() },
    { accessToken, requestTimeout: '5s', quota: 0.5 },
  ])('the options %j are accepted', (options) => {
    expect(mistakes(options)).toEqual([])
  })

  it.each<[unknown, string[]]>([
    [undefined, ['(root)']],
    [{}, ['accessToken']],
    [{ accessToken: 'ya29.hunter2' }, ['accessToken']],
    [{ accessToken: null }, ['accessToken']],
    [{ accessToken: { token: 'ya29.hunter2' } }, ['accessToken']],
    [{ accessToken, credentials: 'hunter2' }, ['credentials']],
    [{ accessToken, endpoint: 'cloudkms.googleapis.com' }, ['endpoint']],
    [{ accessToken, endpoint: 'http://cloudkms.googleapis.com' }, ['endpoint']],
    [{ accessToken, endpoint: 'https://user:hunter2@kms.example.com' }, ['endpoint']],
    [{ accessToken, endpoint: 7 }, ['endpoint']],
    [{ accessToken, ca: 'hunter2' }, ['ca']],
    [{ accessToken, ca: PEM, agent: new Agent() }, ['ca']],
    [{ accessToken, agent: {} }, ['agent']],
    [{ accessToken, requestTimeout: '2m', quota: 0 }, ['requestTimeout', 'quota']],
    [{ accessToken, requestTimeout: 10, quota: 100_001 }, ['requestTimeout', 'quota']],
  ])('the options %j have mistakes at %j', (options, paths) => {
    expect(mistakes(options)).toEqual(paths)
  })
})
