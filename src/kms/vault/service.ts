import type { JsonService } from '../json-service.js'
import { failureOf, type DescribedCall } from './failures.js'
import { Answer } from './responses.js'

/** One call to the API. */
export interface VaultCall extends DescribedCall {
  readonly method: 'GET' | 'POST'
  readonly body?: object
}

/** The API of Vault, with the token that the caller gives. */
export class VaultService {
  readonly #json: JsonService
  readonly #headers: Readonly<Record<string, string>>

  constructor(json: JsonService, namespace: string | undefined) {
    this.#json = json
    this.#headers = {
      // An agent may demand it: a form on a web site cannot send it.
      'x-vault-request': 'true',
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
    }
  }

  /** @throws EnvelopeError as `JsonService.request` and the table in `failures.ts` say */
  async send(call: VaultCall, token: string | undefined, signal: AbortSignal): Promise<Answer> {
    const { action, cmkId, method, path, body } = call
    const answer = await this.#json.request(
      {
        action,
        method,
        path: `/v1/${path}`,
        headers: { ...this.#headers, ...(token === undefined ? {} : { 'x-vault-token': token }) },
        ...(cmkId === undefined ? {} : { cmkId }),
        ...(body === undefined ? {} : { body }),
      },
      signal,
    )
    if (answer.status !== 200) throw failureOf(call, answer.status, answer.body)
    return new Answer(call, answer.body)
  }

  close(): void {
    this.#json.close()
  }
}
