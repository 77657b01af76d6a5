/** HTTPS in front of a lab's server, with certificates of an authority that only this run knows. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { runProgram } from '../farm/hub-process.ts'
import { LyingProxy } from '../farm/lying-proxy.ts'
import type { Lab } from './lab.ts'

export interface TlsFront {
  readonly url: string
  /** File of the authority that vouches for it. */
  readonly authority: string
  /** What passes on what was decrypted. */
  readonly proxy: LyingProxy
  /** How many there were, whatever came of them. */
  readonly connections: () => number
  close(): Promise<void>
}

export interface TlsOptions {
  /** What the certificate is for. */
  readonly names?: string
  readonly isExpired?: boolean
  /** Vouched for by nobody but itself. */
  readonly isSelfSigned?: boolean
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Only this command can make a certificate that is over. */
const CA_CONFIG = `[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
`

export async function startTlsFront(lab: Lab, options: TlsOptions = {}): Promise<TlsFront> {
  const folder = await lab.scratch()
  const { authority, certificate, key } = await makeCertificates(folder, options)
  const proxy = await LyingProxy.start(lab.hub.url)
  const { hostname, port } = new URL(proxy.url)
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer({ cert: await readFile(certificate), key: await readFile(key) }, (outer) => {
    const inner = connect({ host: hostname, port: Number(port) })
    for (const socket of [outer, inner]) {
      sockets.add(socket)
      socket.on('error', () => {
        outer.destroy()
        inner.destroy()
      })
    }
    outer.pipe(inner).pipe(outer)
  })
  server.on('connection', () => connections++)
  // A client that does not trust us goes without a word.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    authority,
    proxy,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      await proxy.close()
    },
  }
}

async function makeCertificates(folder: string, { names = 'DNS:localhost', isExpired, isSelfSigned }: TlsOptions) {
  const path = (name: string) => join(folder, name)
  const openssl = async (...words: string[]) => {
    const { code, stderr } = await runProgram('openssl', words, { cwd: folder })
    assert.equal(code, 0, `openssl: ${stderr}`)
  }
  const subject = ['-subj', '/CN=xorbit test']
  const dates = isExpired ? ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z'] : ['-days', '2']
  await openssl('req', '-x509', ...KEY, ...subject, '-days', '2', '-keyout', path('ca.key'), '-out', path('ca.pem'))
  const leaf = ['-keyout', path('key.pem'), '-addext', `subjectAltName=${names}`, '-subj', '/CN=localhost']
  if (isSelfSigned) {
    await openssl('req', '-x509', ...KEY, ...leaf, '-days', '2', '-out', path('cert.pem'))
  } else {
    await openssl('req', ...KEY, ...leaf, '-out', path('request.pem'))
    await Promise.all([
      writeFile(path('ca.conf'), CA_CONFIG),
      writeFile(path('index'), ''),
      writeFile(path('serial'), '01\n'),
    ])
    const files = [
      '-in',
      path('request.pem'),
      '-out',
      path('cert.pem'),
      '-cert',
      path('ca.pem'),
      '-keyfile',
      path('ca.key'),
    ]
    await openssl('ca', '-batch', '-notext', '-config', path('ca.conf'), ...dates, ...files)
  }
  return { authority: path('ca.pem'), certificate: path('cert.pem'), key: path('key.pem') }
}
