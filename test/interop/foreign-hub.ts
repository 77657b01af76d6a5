/**
 * A Hub as small as can be whose CAS is somebody else's: it keeps one commit's listing and the small files, and hands out
 * the address of the CAS. What a large file's hash is there it is told (`hashes`), as a Hub is by its CAS.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { closeServer, listen } from '../farm/fake-origin.ts'

interface Entry {
  readonly size: number
  readonly oid: string
  /** Of a file that git would keep. */
  readonly content: Buffer | null
  readonly sha256: string | null
}

type Line = {
  key: string
  value: { path: string; content?: string; oid?: string; size?: number }
}

export class ForeignHub {
  readonly #files = new Map<string, Entry>()
  readonly #casUrl: string
  readonly #server: Server
  /** File hash by SHA-256. */
  readonly hashes = new Map<string, string>()
  url = ''
  #commits = 0

  private constructor(casUrl: string) {
    this.#casUrl = casUrl
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: Error) => {
        response.writeHead(500).end(error.message)
      })
    })
  }

  static async start(casUrl: string): Promise<ForeignHub> {
    const hub = new ForeignHub(casUrl)
    hub.url = await listen(hub.#server)
    return hub
  }

  close(): Promise<void> {
    return closeServer(this.#server)
  }

  get #commit(): string {
    return createHash('sha1').update(`commit ${this.#commits}`).digest('hex')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '')
    const body = await bodyOf(request)
    const json = (value: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
    if (path.endsWith('/repos/create')) return void json({ url: this.url })
    if (path.includes('/revision/')) return void json({ sha: this.#commit })
    if (path.includes('/tree/')) return void json([...this.#files].map((one) => this.#treeEntry(...one)))
    if (/\/xet-(read|write)-token\//.test(path)) {
      return void json({ casUrl: this.#casUrl, exp: 4_000_000_000, accessToken: 'any' })
    }
    if (path.includes('/preupload/')) return void json(this.#plan(JSON.parse(body.toString())))
    if (path.includes('/commit/')) return void json(this.#take(body.toString()))
    if (path.includes('/resolve/')) return this.#send(response, path.split('/').slice(5).join('/'))
    response.writeHead(404).end('{"error":"no such route"}')
  }

  #plan({ files }: { files: { path: string }[] }): unknown {
    const modeOf = (path: string) => (path.endsWith('.bin') ? 'lfs' : 'regular')
    return { files: files.map(({ path }) => ({ path, uploadMode: modeOf(path), shouldIgnore: false, oid: null })) }
  }

  #take(text: string): unknown {
    for (const line of text.trim().split('\n')) {
      const { key, value } = JSON.parse(line) as Line
      if (key === 'file') this.#files.set(value.path, smallEntry(Buffer.from(value.content ?? '', 'base64')))
      if (key === 'lfsFile') {
        const sha256 = value.oid ?? ''
        const oid = createHash('sha1').update(sha256).digest('hex')
        this.#files.set(value.path, { size: value.size ?? 0, oid, content: null, sha256 })
      }
    }
    this.#commits++
    return { commitOid: this.#commit }
  }

  #treeEntry(path: string, { size, oid, sha256 }: Entry): unknown {
    if (sha256 === null) return { type: 'file', path, size, oid }
    return { type: 'file', path, size, oid, lfs: { oid: sha256, size }, xetHash: this.hashes.get(sha256) }
  }

  /** Small files from here, large ones as the CAS itself puts them together. */
  async #send(response: ServerResponse, path: string): Promise<void> {
    const entry = this.#files.get(path)
    if (entry === undefined) return void response.writeHead(404).end('{"error":"Entry not found"}')
    if (entry.content !== null) return void response.end(entry.content)
    const reply = await fetch(`${this.#casUrl}/simulation/files/${this.hashes.get(entry.sha256 ?? '')}/data`)
    response.writeHead(reply.status).end(Buffer.from(await reply.arrayBuffer()))
  }
}

function smallEntry(content: Buffer): Entry {
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
  return { size: content.length, oid, content, sha256: null }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}
