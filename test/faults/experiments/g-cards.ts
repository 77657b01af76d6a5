/** Group G20: model cards made to be expensive. They cost no more than a plain one of their size, and are shown as text. */
import assert from 'node:assert/strict'
import { systemClock } from '../../../src/base/clock.ts'
import type { Experiments } from '../experiment.ts'
import { assertRefused, fileLine, JSON_TYPE, type Lab } from '../lab.ts'
import { whileAsking } from '../latency-probe.ts'

const CARD_BYTES = 3 << 20
const MEMORY_MAX = 300 << 20
/** For timers and other work of a busy machine. */
const SLACK_MS = 1_500

export const CARD_EXPERIMENTS: Experiments = { G20: boundsCards }

function cards(): Readonly<Record<string, string>> {
  const levels = Array.from(
    { length: 30 },
    (_, i) => `l${i + 1}: &l${i + 1} [${new Array(10).fill(`*l${i}`).join(', ')}]`,
  )
  const anchors = Array.from({ length: 1_000_000 }, (_, i) => `a: &${i.toString(36)}`).join('\n')
  const bait = (text: string) => text.repeat(Math.floor(CARD_BYTES / text.length))
  return {
    'a bomb of aliases': `l0: &l0 [lol, lol]\n${levels.join('\n')}\ntags: *l30`,
    'a million anchors': anchors.slice(0, CARD_BYTES),
    'deep lists': `tags: ${'['.repeat(CARD_BYTES)}`,
    'deep maps': `tags: ${'{a: '.repeat(CARD_BYTES / 4)}`,
    'spaces for a comment': `license: a${' '.repeat(CARD_BYTES)}x`,
    'spaces before items': `tags:\n${`  -${' '.repeat(1000)}\n`.repeat(2_000)}`,
    'quotes without end': `license: "${bait('\\"')}`,
    'commas in a list': `tags: [${bait('a, ')}]`,
    fences: bait('----\n--- \n'),
    'one long key': `${bait('k')}: v`,
    numbers: `tags: ${'9'.repeat(CARD_BYTES)}`,
    'tags that run code': 'license: !!python/object/apply:os.system ["touch /tmp/x"]\ntags: !!js/function "x"',
    'a script': 'license: <script>alert(1)</script>\n',
  }
}

async function boundsCards(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const usual = await timeOf(lab, repo, `${'plain text\n'.repeat(CARD_BYTES / 11)}`)
  const growth = await lab.watchMemory()
  let worstCard = 0
  const { worst } = await whileAsking(lab.hub.url, async () => {
    for (const [name, yaml] of Object.entries(cards())) {
      const ms = await timeOf(lab, repo, `---\n${yaml}\n---\n# Card\n`)
      assert.ok(ms < 4 * usual + SLACK_MS, `${name}: ${Math.round(ms)} ms, a plain card ${Math.round(usual)} ms`)
      worstCard = Math.max(worstCard, ms)
    }
  })
  assert.ok(worst < SLACK_MS, `another request took ${Math.round(worst)} ms meanwhile`)
  const grown = growth()
  assert.ok(grown < MEMORY_MAX, `memory grew by ${grown >> 20} MiB`)
  const shown = await lab.send(`/${repo}/resolve/main/README.md`, { token: lab.alice })
  assert.match(`${shown.headers['content-type']}`, /^text\/plain/)
  assert.equal(shown.headers['x-content-type-options'], 'nosniff')
  assert.match(`${shown.headers['content-security-policy']}`, /sandbox/)
  return `slowest ${Math.round(worstCard)} ms, plain ${Math.round(usual)} ms, others at most ${Math.round(worst)} ms, memory +${grown >> 20} MiB`
}

/** Everything that looks at a card: its check, its commit, its repository alone and in the listing. */
async function timeOf(lab: Lab, repo: string, readme: string): Promise<number> {
  const begun = systemClock.monotonicMs()
  const checked = { method: 'POST', token: lab.alice, headers: JSON_TYPE, body: { content: readme, repoType: 'model' } }
  assertRefused(await lab.send('/api/validate-yaml', checked), [200, 400])
  assertRefused(await lab.commit(repo, [fileLine('README.md', readme)]), 200)
  for (const path of [`/api/models/${repo}`, '/api/models?full=true&author=alice&limit=10', '/api/models?search=lol']) {
    const reply = await lab.send(path, { token: lab.alice })
    assert.equal(reply.status, 200, `${path}: ${reply.body.subarray(0, 200)}`)
    assert.match(`${reply.headers['content-type']}`, /^application\/json/)
  }
  return systemClock.monotonicMs() - begun
}
