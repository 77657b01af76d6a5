/** The shapes of a Hub's answers, as far as this client reads them. Unknown keys are ignored. */
import { z } from 'zod'
import { AppError } from '../base/app-error.ts'

const sha1 = z.string().regex(/^[0-9a-f]{40}$/)
const size = z.int().nonnegative()

export const RevisionShape = z.object({ sha: sha1 })

export const WhoAmIShape = z.object({
  name: z.string(),
  type: z.string().optional(),
  orgs: z.array(z.object({ name: z.string() })).optional(),
  auth: z
    .object({
      accessToken: z.object({ displayName: z.string().optional(), role: z.string().optional() }).optional(),
    })
    .optional(),
})

export const RepoListShape = z.array(
  z.object({ id: z.string(), private: z.boolean().optional(), lastModified: z.string().optional() }),
)

export const TreeShape = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: size.optional(),
    oid: z.string().optional(),
    lfs: z.object({ oid: z.string(), size }).nullish(),
    xetHash: z.string().nullish(),
  }),
)

export const RepoShape = z.object({ private: z.boolean().optional() })

export const PreuploadShape = z.object({
  files: z.array(
    z.object({
      path: z.string(),
      uploadMode: z.enum(['regular', 'lfs']),
      shouldIgnore: z.boolean().optional(),
      oid: z.string().nullish(),
    }),
  ),
  commitOid: z.string().nullish(),
})

export const CommitShape = z.object({ commitOid: sha1, commitUrl: z.string().optional() })

export const XetTokenShape = z.object({
  casUrl: z.string().regex(/^https?:\/\//),
  exp: z.number(),
  accessToken: z.string().min(1),
})

export const LfsBatchShape = z.object({
  objects: z.array(
    z.object({
      oid: z.string(),
      error: z.object({ code: z.number().optional(), message: z.string().optional() }).optional(),
      actions: z
        .object({
          upload: z.object({ href: z.string(), header: z.record(z.string(), z.string()).nullish() }).optional(),
          verify: z.object({ href: z.string(), header: z.record(z.string(), z.string()).nullish() }).optional(),
        })
        .optional(),
    }),
  ),
})

/** `value` as `shape`; kind `malformed` with the first difference otherwise. */
export function shaped<T>(shape: z.ZodType<T>, value: unknown, where: string): T {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const place = issue?.path.join('.') || 'the reply'
  throw new AppError('malformed', 'REPLY_SHAPE_BAD', `${where}: ${place}: ${issue?.message ?? 'unexpected'}`)
}

export const DuplicateShape = z.object({ failed: z.array(z.object({ sha256: z.string() })).default([]) })
