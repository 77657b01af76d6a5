/** Clients ask before they send a README. Only what the card's reader would miss is said; nothing blocks an upload. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { frontMatter } from '../../../hub/model-card.ts'
import { readJson } from '../../guards/body.ts'

export const VALIDATE_YAML = z.object({ content: z.string(), repoType: z.string().nullish() })

export function validateYamlRoutes(app: FastifyInstance): void {
  app.post('/api/validate-yaml', async (request) => {
    const { content } = await readJson(request, undefined, VALIDATE_YAML)
    const message = 'empty or missing yaml metadata in repo card'
    return { errors: [], warnings: frontMatter(content) === null ? [{ message }] : [] }
  })
}
