/** The purpose of a call. Each side has its own share of the calls to a KMS. */
export type Side = 'sealing' | 'opening'

/** Sealing first: a flood of forged envelopes must not stop it. */
export const SIDES: readonly Side[] = ['sealing', 'opening']
