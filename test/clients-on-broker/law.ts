import { expect, it } from 'vitest'
import type { Ability, ClientUnderTest } from './client-under-test.js'
import type { Ends } from './stage.js'

/** What a law gets from its test. Laws run side by side, so each has its own. */
export interface LawContext {
  readonly ends: Ends
  readonly expect: typeof expect
}

/** Registers a law. Where the client lacks something that the law needs, the test is skipped, and its name says why. */
export type Law = (
  name: string,
  needs: readonly Ability[],
  check: (context: LawContext) => Promise<void>,
) => void

export function lawsOf(client: ClientUnderTest): Law {
  return (name, needs, check) => {
    const lacking = needs.flatMap((ability) => client.cannot[ability] ?? [])
    if (lacking.length > 0) {
      it.skip(`${name} (not with ${client.name}: ${lacking.join('; ')})`, () => undefined)
      return
    }
    it.concurrent(name, async ({ onTestFinished, expect }) => {
      await check({ ends: onTestFinished, expect })
    })
  }
}
