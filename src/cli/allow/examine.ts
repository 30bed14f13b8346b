import { onAbort } from '../../cancellation.js'
import { fetchRecord, inspectRecord, type RecordPlace, type Trial } from '../../operate/index.js'
import { sha256 } from '../../operate/sha256.js'
import { loadEncryption } from '../encryption-setup.js'
import { connectKafka, type KafkaOptions } from '../kafka/connect.js'

/** What was found about a record that shall pass. */
export interface Examined {
  /** Why it shall not; undefined if it fails with the code. */
  readonly refusal?: string
  /** Undefined for a null value. */
  readonly valueSha256?: string
}

/**
 * Tries the record as consumers do, with the keys of the configuration. Its value is opened and not kept.
 * @throws Error if there is no such record, or a KMS cannot answer
 */
export async function examine(
  place: RecordPlace,
  code: string,
  options: KafkaOptions & { readonly config: string },
  signal: AbortSignal,
): Promise<Examined> {
  const { encryption } = await loadEncryption(options.config)
  // Ends calls to a KMS.
  const removeListener = onAbort(signal, () => void encryption.close())
  try {
    const record = await fetchRecord({ kafka: await connectKafka(options), place, signal })
    const { trial } = await inspectRecord(record, { encryption, open: true })
    const refusal = refusalOf(trial, code)
    if (refusal !== undefined) return { refusal }
    return record.value === null ? {} : { valueSha256: await sha256(record.value) }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    removeListener()
    await encryption.close()
  }
}

/** @throws Error if it is not known whether the record opens */
export function refusalOf(trial: Trial | undefined, code: string): string | undefined {
  const { outcome, failure } = trial ?? {}
  if (outcome === 'opened' || outcome === 'passed')
    return 'this configuration accepts the record, so that a consumer delivers it'
  if (outcome !== 'refused' || failure === undefined)
    throw new Error(
      `a KMS could not say whether the record opens (${failure?.code ?? 'no answer'}); nothing was changed`,
    )
  if (failure.code !== code) return `the record fails with ${failure.code}, not with ${code}`
  return undefined
}
