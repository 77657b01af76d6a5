/**
 * The parts of undici that the client uses, without fetch, WebSocket, caches and mocks: loading those takes a tenth of a
 * second and some MiB at the start of every command. They lie where the pinned version has them.
 */
import { createRequire } from 'node:module'
import type * as undici from 'undici'

const require = createRequire(import.meta.url)

const Dispatcher = require('undici/lib/dispatcher/dispatcher.js') as typeof undici.Dispatcher
// As undici's own entry does: its proxy agent asks for tunnels by these methods.
Object.assign(Dispatcher.prototype, require('undici/lib/api/index.js'))

export const Agent = require('undici/lib/dispatcher/agent.js') as typeof undici.Agent
export const EnvHttpProxyAgent =
  require('undici/lib/dispatcher/env-http-proxy-agent.js') as typeof undici.EnvHttpProxyAgent

/** One request by `dispatcher`, as undici's own `request` sends it. */
export function sendBy(
  dispatcher: undici.Dispatcher,
  url: URL,
  options: Omit<undici.Dispatcher.RequestOptions, 'origin' | 'path'>,
): Promise<undici.Dispatcher.ResponseData> {
  return dispatcher.request({ ...options, origin: url.origin, path: url.pathname + url.search })
}
