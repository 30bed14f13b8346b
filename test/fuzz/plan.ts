/** A module of `targets/`, and how much of it a run does. */
export interface Target {
  readonly name: 'decoder' | 'opener' | 'compression'
  /** Inputs of the short form, and of the long one: ten million in all. */
  readonly runs: { readonly short: number; readonly long: number }
  /** In bytes. Of the decoder: room for every bound of a preamble at once. */
  readonly maxLength: number
  /** Whether the target is done when it returns; Jazzer.js is faster then. */
  readonly sync: boolean
}

export const TARGETS: readonly Target[] = [
  { name: 'decoder', runs: { short: 1_000_000, long: 7_000_000 }, maxLength: 12_288, sync: true },
  { name: 'opener', runs: { short: 200_000, long: 1_500_000 }, maxLength: 8192, sync: false },
  { name: 'compression', runs: { short: 200_000, long: 1_500_000 }, maxLength: 4096, sync: false },
]

/** The folder for all files of a run; not under version control. */
export const FOLDER = '.cache/fuzz'
export const DEFAULT_SEED = 20_251_125
/** An input that takes longer than this, or a process that takes more memory, is a finding. */
export const MAX_INPUT_MS = 5000
export const MAX_RSS_MIB = 1024
/** Folders whose coverage guides the fuzzer: what is attacked. */
export const INSTRUMENTED: readonly string[] = ['envelope', 'record', 'crypto', 'keys'].map(
  (folder) => `src/${folder}`,
)
