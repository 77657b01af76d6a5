/** One client that turns pages, before the load: of listings by every filter, and of the repository of many files. */
import type { HubProcess } from '../../test/farm/hub-process.ts'
import { type Caller, jsonOf } from './caller.ts'
import type { Latencies } from './latencies.ts'
import type { MadeHome } from './plan.ts'

/** Kind of call, and its query. */
const LISTINGS: readonly (readonly [string, string])[] = [
  ['list newest', 'limit=100'],
  ['list newest, cards', 'limit=100&cardData=true&config=true'],
  ['list 1000', 'limit=1000'],
  ['list by author', 'author=org7&limit=100'],
  ['list by author, by change', 'author=org7&limit=100&sort=lastModified'],
  ['list by change', 'sort=lastModified&limit=100'],
  ['list oldest', 'sort=createdAt&direction=1&limit=100'],
  ['list common tag', 'filter=transformers&limit=100'],
  ['list rare tag', 'filter=rare&limit=100'],
  ['list common and rare tag', 'filter=transformers&filter=rare&limit=100'],
  ['list rare pipeline', 'pipeline_tag=depth-estimation&limit=100'],
  ['list search, many', 'search=model&limit=100'],
  ['list search, few', 'search=model-4242&limit=100'],
  ['list search, none', 'search=no-such-name&limit=100'],
  ['list gated', 'gated=true&limit=100'],
  ['list by parameters', 'num_parameters=min:1B&limit=100'],
]
const DEEP_PAGES = 20

export async function turnPages(
  hub: HubProcess,
  { large }: MadeHome,
  tools: { caller: Caller; latencies: Latencies; rounds: number },
): Promise<void> {
  const { caller, latencies, rounds } = tools
  for (let round = 0; round < rounds; round++) {
    for (const [call, query] of LISTINGS) {
      const token = [undefined, large.token, hub.adminToken][round % 3]
      await latencies.time(call, () => caller.call(`${hub.url}/api/models?${query}`, { token }))
    }
  }
  await turnDeep(`${hub.url}/api/models?limit=1000`, DEEP_PAGES, tools, large.token)
}

/** Page after page, as `Link` says. */
async function turnDeep(
  first: string,
  pages: number,
  { caller, latencies }: { caller: Caller; latencies: Latencies },
  token: string,
): Promise<void> {
  let url: string | null = first
  for (let page = 0; page < pages && url !== null; page++) {
    const at: string = url
    const { headers } = await latencies.time('list 1000, deep', () => caller.call(at, { token }))
    url = nextOf(headers.link)
  }
}

/** The whole tree, page by page. Throws unless every file comes once, in order. */
export async function turnTree(
  hub: HubProcess,
  { large }: MadeHome,
  { caller, latencies }: { caller: Caller; latencies: Latencies },
  call: string,
): Promise<void> {
  let url: string | null = `${hub.url}/api/models/${large.id}/tree/main?recursive=true`
  let files = 0
  let last = ''
  for (let page = 0; url !== null; page++) {
    const at: string = url
    const answer = await latencies.time(page === 0 ? `${call}, first page` : call, () =>
      caller.call(at, { token: large.token }),
    )
    for (const { type, path } of jsonOf<{ type: string; path: string }[]>(answer)) {
      if (type !== 'file') continue
      if (path <= last) throw new Error(`${path} came after ${last}`)
      last = path
      files++
    }
    url = nextOf(answer.headers.link)
  }
  if (files !== large.files) throw new Error(`the tree has ${files} files, not ${large.files}`)
}

function nextOf(link: string | string[] | undefined): string | null {
  return /<([^>]+)>; rel="next"/.exec(String(link ?? ''))?.[1] ?? null
}
