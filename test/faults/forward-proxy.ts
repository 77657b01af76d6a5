/** An HTTP proxy as companies have them: whole addresses and CONNECT, every name leading to one place, on wish with a password. */
import { createServer, request as httpRequest } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface ForwardProxy {
  readonly url: string
  /** What it was asked for: `CONNECT host:port` or `GET http://…`. */
  readonly seen: readonly string[]
  close(): Promise<void>
}

/** `places`: where a port leads, whatever the name is. */
export async function startForwardProxy(
  places: Readonly<Record<number, string>>,
  options: { readonly asksPassword?: boolean } = {},
): Promise<ForwardProxy> {
  const seen: string[] = []
  const sockets = new Set<Socket>()
  const placeOf = (port: string) => new URL(places[Number(port)] ?? 'http://127.0.0.1:9')
  const server = createServer((request, reply) => {
    seen.push(`${request.method} ${request.url}`)
    if (options.asksPassword) return void reply.writeHead(407, { 'proxy-authenticate': 'Basic' }).end()
    const { port, pathname, search } = new URL(request.url ?? '')
    const place = placeOf(port || '80')
    const { method, headers } = request
    const to = {
      host: place.hostname,
      port: place.port,
      path: pathname + search,
      ...(method ? { method } : {}),
      headers,
    }
    const onward = httpRequest(to, (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(reply)
    })
    onward.on('error', () => reply.destroy())
    request.pipe(onward)
  })
  server.on('connect', (request, outer: Socket) => {
    seen.push(`CONNECT ${request.url}`)
    if (options.asksPassword) {
      return outer.end('HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n')
    }
    const place = placeOf((request.url ?? '').split(':')[1] ?? '')
    const inner = connect({ host: place.hostname, port: Number(place.port) }, () => {
      outer.write('HTTP/1.1 200 Connected\r\n\r\n')
      outer.pipe(inner).pipe(outer)
    })
    for (const socket of [outer, inner]) {
      sockets.add(socket)
      socket.on('error', () => {
        outer.destroy()
        inner.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close() {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
