/** A xorb sent in two halves, the second one when the experiment says so. */
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { type ForgedXorb, forgeXorb, seededChunks } from './forge.ts'
import type { Cas, Lab } from './lab.ts'

export interface SlowUpload {
  readonly xorb: ForgedXorb
  /** The status of the answer, or that there was none. */
  finish(): Promise<number | 'cut'>
}

/** Resolves when the first half has left us. */
export async function startSlowUpload(lab: Lab, cas: Cas): Promise<SlowUpload> {
  const xorb = forgeXorb(seededChunks(lab.next(), [50_000, 50_000]))
  const { hostname, port } = new URL(lab.hub.url)
  const request = httpRequest({
    ...{ host: hostname, port, method: 'POST', path: `${cas.path}/v1/xorbs/default/${xorb.hash}`, agent: false },
    headers: { authorization: `Bearer ${cas.token}`, 'content-length': xorb.body.length },
  })
  const answered = new Promise<number | 'cut'>((resolve) => {
    request.on('response', (answer) => resolve(answer.resume().statusCode ?? 0))
    request.on('error', () => resolve('cut'))
  })
  await once(request, 'socket')
  const half = Math.floor(xorb.body.length / 2)
  await new Promise((resolve) => request.write(xorb.body.subarray(0, half), resolve))
  return {
    xorb,
    finish() {
      request.end(xorb.body.subarray(half))
      return answered
    },
  }
}
