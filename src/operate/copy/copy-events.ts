import type { CopyEvent, EncryptionEvents, EventHub } from '../../events.js'

type Counts = Pick<EncryptionEvents['copy.ended'], 'messages' | 'rewrapped' | 'others'>

/** What events tell about a run. */
export interface Announcement {
  readonly events: EventHub
  readonly about: CopyEvent
  /** What was done so far. */
  readonly counts: () => Counts
  readonly signal: AbortSignal | undefined
}

/** Emits `copy.started`, and `copy.ended` however the run ends. */
export async function announced<T>(
  { events, about, counts, signal }: Announcement,
  run: () => Promise<T>,
): Promise<T> {
  const ended = (outcome: 'done' | 'failed' | 'interrupted', error?: unknown): void => {
    const { code } = (error ?? {}) as { readonly code?: unknown }
    events.emit('copy.ended', {
      ...about,
      ...counts(),
      outcome,
      ...(typeof code === 'string' && { code }),
    })
  }
  events.emit('copy.started', about)
  try {
    const result = await run()
    ended('done')
    return result
  } catch (error) {
    if (signal?.aborted === true) ended('interrupted')
    else ended('failed', error)
    throw error
  }
}
