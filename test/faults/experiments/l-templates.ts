/** Group L, templates: they come with a model, and may be bombs, burglars or bottomless. */
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { TextProcess } from '../../../src/engine/text/text-process.ts'
import type { Experiments } from '../experiment.ts'
import type { Lab } from '../lab.ts'
import {
  assertChatRefused,
  checkAnswers,
  DEMO,
  postChat,
  say,
  spoiltModel,
  whileOthersAsk,
  withModels,
} from '../models.ts'

const LONG = 90_000
const BOMBS: Readonly<Record<string, readonly [template: string, code: string]>> = {
  'a range of a thousand million': ['{{ range(1000000000) }}', 'template_bad'],
  'ranges in ranges': [
    `{% for a in range(${LONG}) %}{% for b in range(${LONG}) %}x{% endfor %}{% endfor %}`,
    'text_too_costly',
  ],
  'a list that doubles': [
    '{% set ns = namespace(s=[1,2,3]) %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}',
    'text_too_costly',
  ],
  'a text that doubles': [
    '{% set ns = namespace(s="ab") %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}',
    'template_bad|text_too_costly',
  ],
}

export const TEMPLATE_EXPERIMENTS: Experiments = {
  L1: (lab) => refusesTemplates(lab, BOMBS),

  async L2(lab) {
    const reaches = ['messages.constructor', 'messages[0].__proto__', 'range.constructor', 'process', 'globalThis']
    const calls = ['messages.constructor.constructor("return process")()', 'range.constructor("return this")().process']
    for (const words of [...reaches, ...calls, 'messages.constructor.prototype', '"".constructor.fromCharCode(65)']) {
      const path = await spoiltModel(lab, 'demo-chat', { 'chat_template.jinja': `[{{ ${words} }}]` })
      await using text = await TextProcess.start({ kind: 'directory', path })
      const rendered = await text.render({ messages: say('x') }).catch((error: { code?: string }) => error)
      if (typeof rendered !== 'string') assert.equal(rendered.code, 'TEMPLATE_BAD', words)
      else assert.equal(rendered, '[]', `${words} gives something`)
    }
    return `${reaches.length + calls.length + 2} ways`
  },

  L4: (lab) =>
    refusesTemplates(lab, {
      'six thousand brackets': [`{{ ${'('.repeat(6000)}1${')'.repeat(6000)} }}`, 'template_bad'],
      'six thousand loops': [`${'{% for a in messages %}'.repeat(6000)}`, 'template_bad'],
      'a macro that calls itself': [
        '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}',
        'template_bad|text_too_costly',
      ],
    }),
}

/** Each is 400 and names the model's template; the server's thread stays free, and another model answers. */
async function refusesTemplates(lab: Lab, templates: typeof BOMBS): Promise<string> {
  const codes = new Map<string, string>()
  for (const [template, code] of Object.values(templates)) {
    codes.set(await spoiltModel(lab, 'demo-chat', { 'chat_template.jinja': template }), code)
  }
  return withModels(lab, [DEMO, ...codes.keys()], async (server) => {
    const { figure } = await whileOthersAsk(server, async () => {
      for (const [path, code] of codes) {
        const reply = await postChat(server, { model: basename(path), messages: say('x') })
        assertChatRefused(reply, 400, undefined, /chat template/)
        const { error } = reply.json() as { error: { code: string } }
        assert.match(error.code, new RegExp(`^(${code})$`))
      }
    })
    await checkAnswers(server)
    return `${codes.size} templates; ${figure}`
  })
}
