/** `/openapi.json`, and the same as a page without any outside asset or script. */
import type { FastifyInstance } from 'fastify'
import { describeRoutes, type OpenApi, type Operation } from '../../openapi.ts'
import { routesOf } from '../../route-list.ts'

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:13px/1.4 ui-monospace,monospace}pre{overflow:auto;background:#8882;padding:.5rem}
summary{cursor:pointer;padding:.2rem 0}b{display:inline-block;min-width:4.5rem}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}`

export function docsRoutes(app: FastifyInstance, version: string): void {
  let described: OpenApi | null = null
  let page = ''
  const describe = (): OpenApi => {
    // Only now are all routes known.
    described ??= describeRoutes(routesOf(app), version)
    return described
  }
  app.get('/openapi.json', async () => describe())
  app.get('/docs', async (_request, reply) => {
    page ||= pageOf(describe())
    reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
    return reply.type('text/html; charset=utf-8').send(page)
  })
}

function pageOf({ info, paths }: OpenApi): string {
  const byTag = new Map<string, string[]>()
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0] ?? 'System'
      byTag.set(tag, [...(byTag.get(tag) ?? []), entryOf(method, path, operation)])
    }
  }
  const parts = [...byTag].map(([tag, entries]) => `<h2>${escapeHtml(tag)}</h2>${entries.join('\n')}`)
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(info.title)} API</title>`
  return `<!doctype html><html lang="en"><head>${head}<style>${STYLE}</style></head><body>
<h1>${escapeHtml(info.title)} ${escapeHtml(info.version)}</h1>
<p>${escapeHtml(info.description)} Send <code>Authorization: Bearer TOKEN</code>; the same as data: <a href="/openapi.json">openapi.json</a>.</p>
${parts.join('\n')}</body></html>`
}

function entryOf(method: string, path: string, { summary, requestBody }: Operation): string {
  const head = `<b>${method.toUpperCase()}</b> <code>${escapeHtml(path)}</code> ${escapeHtml(summary)}`
  if (requestBody === undefined) return `<p>${head}</p>`
  return `<details><summary>${head}</summary><pre>${escapeHtml(JSON.stringify(requestBody, null, 2))}</pre></details>`
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
