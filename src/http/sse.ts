/** Server-sent events: one frame each. A value without line ends, as JSON is, needs one `data` line. */

export const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // Proxies that collect answers would hold each word back.
  'x-accel-buffering': 'no',
} as const

/** `data` as JSON, or a word of the protocol such as `[DONE]` as it is. */
export function sseFrame(data: object | string, event?: string): string {
  const line = `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
  return event === undefined ? line : `event: ${event}\n${line}`
}
