/** The purpose of a call. Each side has its own share of the calls to a KMS. */
export type Side = 'sealing' | 'opening'

/** Sealing first: a flood of forged envelopes must not stop it. */
export const SIDES: readonly Side[] = ['sealing', 'opening']

/** What a call is about. Those for DEKs go first: without DEKs, records wait, and secrets may be many. */
export type Subject = 'dek' | 'secret'
