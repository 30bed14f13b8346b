import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ABILITIES, type Ability } from './client-under-test.js'

import { confluent } from './clients/confluent.js'
import { kafkajs } from './clients/kafkajs.js'
import { platformatic } from './clients/platformatic.js'

const PAGE = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8')

/** The table in `docs/clients.md`: what it says of a client, by ability. */
function tableOf(client: string): Record<string, string> {
  const [head = '', ...lines] = PAGE.slice(PAGE.indexOf('| needed')).split('\n')
  const cells = (line: string): string[] => line.split('|').map((cell) => cell.trim())
  const column = cells(head).indexOf(client)
  const rows = lines.slice(
    1,
    lines.findIndex((line) => !line.startsWith('|')),
  )
  return Object.fromEntries(rows.map((line) => [cells(line)[1] ?? '', cells(line)[column] ?? '']))
}

const inWords = (reason: string | undefined): string => (reason === undefined ? 'yes' : `no: ${reason}`)

it.each([kafkajs, confluent, platformatic])(
  'docs/clients.md says what $name lacks, and why, exactly as the laws leave it out',
  (client) => {
    const expected = ABILITIES.map((ability: Ability) => [ability, inWords(client.cannot[ability])])
    expect(tableOf(client.name)).toEqual(Object.fromEntries(expected))
  },
)
