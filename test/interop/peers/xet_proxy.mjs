// A proxy on loopback between hf_xet and a CAS: prints one line a request, and can spoil one kind of answer.
// usage: node xet_proxy.mjs PORT CAS_URL [grant=STATUS | put=STATUS | commit=STATUS | flip=1]
//   grant/put/commit  answer that status to /v1/xorb-grants, to the grant's upload, to /v1/xorb-commits
//   flip              flip one bit in the middle of every xorb answer above 1,000 bytes
import http from 'node:http'

const [port, cas, spoil = ''] = process.argv.slice(2)
const target = new URL(cas)
const [kind, value] = spoil.split('=')
const kindOf = (path) =>
  path.startsWith('/v1/xorb-grants/')
    ? 'grant'
    : path.startsWith('/v1/xorb-commits/')
      ? 'commit'
      : path.includes('/xorb-uploads/')
        ? 'put'
        : path.includes('/fetch_term')
          ? 'flip'
          : ''
const log = (request, status, bytes, note = '') =>
  console.log(request.method, request.url.slice(0, 100), request.headers.range ?? '', '->', status, bytes, note)

http
  .createServer((request, reply) => {
    if (kind && kind !== 'flip' && kindOf(request.url) === kind) {
      request.resume().on('end', () => {
        reply.writeHead(Number(value)).end()
        log(request, value, 0, 'spoiled')
      })
      return
    }
    const options = {
      host: target.hostname,
      port: target.port,
      method: request.method,
      path: request.url,
      headers: request.headers,
    }
    const onward = http.request(options, (answer) => {
      const parts = []
      answer
        .on('data', (part) => parts.push(part))
        .on('end', () => {
          const body = Buffer.concat(parts)
          const flip = kind === 'flip' && kindOf(request.url) === 'flip' && body.length > 1000
          if (flip) body[body.length >> 1] ^= 1
          reply
            .writeHead(answer.statusCode, {
              ...answer.headers,
              'content-length': request.method === 'HEAD' ? (answer.headers['content-length'] ?? 0) : body.length,
            })
            .end(body)
          log(request, answer.statusCode, body.length, flip ? 'flipped' : '')
        })
    })
    onward.on('error', () => reply.destroy())
    request.pipe(onward)
  })
  .listen(Number(port), '127.0.0.1')
