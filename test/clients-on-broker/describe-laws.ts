import { beforeAll, describe } from 'vitest'
import { groupsReady } from '../integration/support/groups.js'
import type { ClientUnderTest } from './client-under-test.js'
import { lawsOf } from './law.js'
import { invalidLaws } from './laws/invalid.js'
import { closingLaws } from './laws/closing.js'
import { failClosedLaws } from './laws/fail-closed.js'
import { outageLaws } from './laws/outages.js'
import { transactionLaws } from './laws/transactions.js'
import { deliveryLaws } from './laws/deliveries.js'

/** All laws, for one client. */
export function describeLaws(client: ClientUnderTest): void {
  describe(client.name, () => {
    beforeAll(groupsReady)
    const law = lawsOf(client)
    deliveryLaws(client, law)
    invalidLaws(client, law)
    transactionLaws(client, law)
    outageLaws(client, law)
    failClosedLaws(client, law)
    closingLaws(client, law)
  })
}
