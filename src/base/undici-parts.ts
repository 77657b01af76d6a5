/**
 * The parts of undici that the client uses, without fetch, WebSocket, caches and mocks: loading those takes a tenth of a
 * second and some MiB at the start of every command. They lie where the pinned version has them.
 */
import { createRequire } from 'node:module'
import type * as undici from 'undici'

const require = createRequire(import.meta.url)

export const Agent = require('undici/lib/dispatcher/agent.js') as typeof undici.Agent
export const EnvHttpProxyAgent =
  require('undici/lib/dispatcher/env-http-proxy-agent.js') as typeof undici.EnvHttpProxyAgent

const { request: requestOf } = require('undici/lib/api/index.js') as Pick<undici.Dispatcher, 'request'>

/** One request by `dispatcher`, as undici's own `request` sends it. */
export function sendBy(
  dispatcher: undici.Dispatcher,
  url: URL,
  options: Omit<undici.Dispatcher.RequestOptions, 'origin' | 'path'>,
): Promise<undici.Dispatcher.ResponseData> {
  const request = { ...options, origin: url.origin, path: url.pathname + url.search }
  return requestOf.call(dispatcher, request) as Promise<undici.Dispatcher.ResponseData>
}
