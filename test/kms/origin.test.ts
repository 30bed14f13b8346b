import { describe, expect, it } from 'vitest'
import { originOf, whyNoOrigin } from '../../src/kms/origin.js'

const EXPECTED = 'expected an origin'

describe('a template of an origin', () => {
  it.each([
    'https://kms.example.com',
    'https://kms.example.com/',
    'HTTPS://KMS.example.com:8443',
    'https://kms.{region}.example.com',
    'https://{region}.{region}.example.com:8443',
    'http://localhost:8080',
    'http://127.0.0.1',
    'http://[::1]:8080',
  ])('a template of an origin may be %s', (template) => {
    expect(whyNoOrigin(template, EXPECTED)).toBeUndefined()
  })

  it.each([
    ['', EXPECTED],
    ['kms.example.com', EXPECTED],
    ['ftp://kms.example.com', EXPECTED],
    ['https://kms.example.com:{region}', EXPECTED],
    ['https://kms.{regoin}.example.com', 'braces'],
    ['https://kms.{Region}.example.com', 'braces'],
    ['https://kms.{region.example.com', 'braces'],
    ['https://kms.{{region}}.example.com', 'braces'],
    ['https://kms.${region}.example.com', 'a scheme, a host and a port'],
    ['https://kms.example.com/v1', 'a scheme, a host and a port'],
    ['https://kms.example.com//', 'a scheme, a host and a port'],
    ['https://kms.example.com?', 'a scheme, a host and a port'],
    ['https://kms.example.com/?a=b', 'a scheme, a host and a port'],
    ['https://kms.example.com#', 'a scheme, a host and a port'],
    ['https://kms.example.com/#a', 'a scheme, a host and a port'],
    ['https://user:hunter2@kms.example.com', 'a scheme, a host and a port'],
    ['https://@kms.example.com', 'a scheme, a host and a port'],
    ['https:kms.example.com', 'a scheme, a host and a port'],
    ['https:\\\\kms.example.com', 'a scheme, a host and a port'],
    ['https://kms%2eexample.com', 'a scheme, a host and a port'],
    [' https://kms.example.com', 'a scheme, a host and a port'],
    ['http://kms.example.com', 'expected https'],
    ['http://127.evil.example', 'expected https'],
  ])('a template of an origin is not %s', (template, why) => {
    expect(whyNoOrigin(template, EXPECTED)).toContain(why)
  })

  it('a template of an origin gets the region wherever it has the placeholder', () => {
    expect(originOf('https://{region}.kms.{region}.example.com', 'eu-west-1').origin).toBe(
      'https://eu-west-1.kms.eu-west-1.example.com',
    )
  })
})
