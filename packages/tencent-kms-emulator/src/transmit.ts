import type { ServerResponse } from 'node:http'

import type { Answer } from './action.js'
import type { Damage } from './faults.js'

const JSON_TYPE = 'application/json'
/** A reset discards the bytes that the caller has not read yet, so give it time to read half of the body. */
const RESET_AFTER_MS = 20

/** Sends `{"Response": answer}` with HTTP 200, as the vendor does for errors too, or the damaged answer of a fault. */
export function transmit(response: ServerResponse, answer: Answer, damage: Damage | undefined): void {
  switch (damage?.kind) {
    case undefined:
    case 'error':
      send(response, bodyOf(answer))
      return
    case 'http':
      sendPage(response, damage.status ?? 503)
      return
    case 'malformed':
      send(response, '{"Response":{')
      return
    case 'empty':
      send(response, damage.body)
      return
    case 'altered':
      send(response, bodyOf({ ...answer, ...damage.members }))
      return
    case 'truncated':
      sendHalf(response, bodyOf(answer), () => response.socket?.end())
      return
    case 'reset':
      if (damage.when === 'before-headers') reset(response)
      else sendHalf(response, bodyOf(answer), () => setTimeout(reset, RESET_AFTER_MS, response).unref())
      return
    case 'stall':
      // No timer: the connection ends when the caller gives up, or with the emulator.
      if (damage.when === 'in-body') sendHalf(response, bodyOf(answer), () => undefined)
  }
}

function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy()
}

function bodyOf(answer: Answer): string {
  return JSON.stringify({ Response: answer })
}

function send(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function sendPage(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/html' })
  response.end(`<html><head><title>${String(status)}</title></head><body>${String(status)}</body></html>\n`)
}

/** Announces the whole body, and sends half of it. Then `then` runs. */
function sendHalf(response: ServerResponse, body: string, then: () => unknown): void {
  const bytes = Buffer.from(body)
  response.writeHead(200, { 'content-type': JSON_TYPE, 'content-length': bytes.length })
  response.write(bytes.subarray(0, bytes.length >> 1), () => void then())
}
