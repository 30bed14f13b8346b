import type { CheckedConfig } from '../../../config/checked.js'
import type { ConfigIssue } from '../../../errors.js'
import type { ClusterFacts } from './cluster.js'
import type { KmsFacts } from './kms.js'
import type { ProgramFacts } from './program.js'

/** What is known about a setup. Checks look at nothing else, so that a fact that cannot be learnt stops none of them. */
export interface Facts {
  readonly program: ProgramFacts
  readonly config: ConfigFacts
  /** Absent if the configuration has mistakes. */
  readonly kms?: KmsFacts | undefined
  /** Or why nothing is known about Kafka. */
  readonly kafka: KafkaFacts
  /** In ms since 1970. */
  readonly nowMs: number
  /** The topics that the user named; empty for all. */
  readonly topics: readonly string[]
}

export type ConfigFacts = { readonly checked: CheckedConfig } | { readonly issues: readonly ConfigIssue[] }

export type KafkaFacts =
  | { readonly cluster: ClusterFacts }
  /** It does not answer. */
  | { readonly failure: string }
  /** Nobody asked it. */
  | { readonly notAsked: string }
