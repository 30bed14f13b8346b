import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { java, python, whyNotInJava, whyNotInPython } from '../../scripts/readers/commands.js'
import { createEncryption, type EncryptionContext, type Kms } from '../../src/index.js'
import { sealRecords } from '../../src/record/index.js'

/** A record, and how a reader opens it: with its own client of the KMS. */
export interface Case {
  readonly name: string
  readonly envelope: Buffer
  readonly provider: string
  /** The only CMK that the rule of the reader accepts. */
  readonly cmkId: string
  readonly url: string
  /** For Vault. */
  readonly token?: string
  readonly namespace?: string
}

/** What a reader says of a case. */
export type Outcome = { readonly plaintext: string } | { readonly code: string; readonly kind: string }

const PLAINTEXT = '{"order":17}'
export const OPENS: Outcome = { plaintext: Buffer.from(PLAINTEXT).toString('hex') }
const TOPIC = 'orders'
const KEY = 'order-17'

interface Reader {
  readonly language: string
  readonly whyNot: string | undefined
  readonly open: (file: string) => Promise<string>
}

export const READERS: readonly Reader[] = [
  { language: 'Python', whyNot: whyNotInPython, open: (file) => python('tests.open_with_kms', file) },
  { language: 'Java', whyNot: whyNotInJava, open: (file) => java('kms', file) },
]

/** The name of a suite for a reader. If it is skipped, the name says why. */
export function suiteOf({ language, whyNot }: Reader): string {
  return `the reader in ${language}${whyNot === undefined ? '' : `, ${whyNot}`}`
}

/** What happens to a record, for the name of a test. */
export function verdict(outcome: Outcome): string {
  return 'code' in outcome ? `is ${outcome.code}` : 'opens'
}

/** What a reader says of each case, by the names of the cases. */
export async function outcomes(
  reader: Reader,
  cases: readonly Case[],
): Promise<ReadonlyMap<string, Outcome>> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-kms-readers-'))
  try {
    const file = join(folder, 'cases.json')
    const hexed = cases.map(({ envelope, token = '', namespace = '', ...rest }) => ({
      ...rest,
      token,
      namespace,
      topic: TOPIC,
      key: Buffer.from(KEY).toString('hex'),
      envelope: envelope.toString('hex'),
    }))
    await writeFile(file, JSON.stringify(hexed))
    const lines = (await reader.open(file)).trim().split('\n')
    return new Map(
      lines.map((line) => {
        const { name, ...outcome } = JSON.parse(line) as Outcome & { readonly name: string }
        return [name, outcome]
      }),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The envelope of a record that an application sealed. The KMS is closed with it. */
export async function sealedBy(kms: () => Kms, id: string, context: EncryptionContext = {}): Promise<Buffer> {
  const encryption = await createEncryption({
    kms: { main: kms() },
    cmks: { main: [{ kms: 'main', id }] },
    topics: [{ match: [TOPIC], encrypt: { cmk: 'main', context } }],
  })
  try {
    const [record] = await sealRecords(encryption, [{ topic: TOPIC, key: KEY, value: PLAINTEXT }])
    return record?.value as Buffer
  } finally {
    await encryption.close()
  }
}

/** A copy in which other text of the same length stands in the place of the first `text`. */
export function altered(envelope: Buffer, text: string, other: string): Buffer {
  const at = envelope.indexOf(text)
  if (at < 0 || text.length !== other.length) throw new Error(`there is no place for ${other}`)
  const copy = Buffer.from(envelope)
  copy.write(other, at, 'latin1')
  return copy
}
