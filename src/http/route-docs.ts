/** What each route is for, and the schema that checks its body: the handlers use these very schemas. */
import type { ZodType } from 'zod'
import { NEW_MEMBER, NEW_ORG, NEW_TOKEN, NEW_USER } from './routes/control/admin.ts'
import { BRANCH, SQUASH, TAG } from './routes/hub/branches.ts'
import { LFS_DELETIONS } from './routes/hub/large-files.ts'
import { PATHS_INFO } from './routes/hub/paths-info.ts'
import { PREUPLOAD } from './routes/hub/preupload.ts'
import { MOVE, NAMED_REPO, NEW_REPO } from './routes/hub/repos.ts'
import { DUPLICATE, SETTINGS } from './routes/hub/settings.ts'
import { VALIDATE_YAML } from './routes/hub/validate-yaml.ts'
import { LFS_BATCH } from './routes/lfs/batch.ts'
import { LFS_VERIFY } from './routes/lfs/objects.ts'
import { CHAT_COMPLETION } from './routes/openai/chat-request.ts'

export interface RouteDoc {
  readonly summary: string
  /** Checks the JSON body. */
  readonly body?: ZodType
  /** Of a body that is no JSON. */
  readonly bodyType?: string
}

const STREAM = 'application/octet-stream'

/** Method and route; the first that fits. */
const DOCS: readonly (readonly [route: RegExp, doc: RouteDoc])[] = [
  [/^POST .*\/repos\/create$/, { summary: 'Make a repository', body: NEW_REPO }],
  [/^DELETE .*\/repos\/delete$/, { summary: 'Delete a repository', body: NAMED_REPO }],
  [/^POST .*\/repos\/move$/, { summary: 'Move a repository; its old name leads to the new one', body: MOVE }],
  [/^PUT .*\/settings$/, { summary: 'Who may see a repository and its files', body: SETTINGS }],
  [/^POST .*\/lfs-files\/batch$/, { summary: 'Take large files out of all commits', body: LFS_DELETIONS }],
  [/^POST .*\/:name\/duplicate$/, { summary: 'Copy a repository', body: DUPLICATE }],
  [/^POST .*\/super-squash\/\*$/, { summary: 'Make one commit of a branch', body: SQUASH }],
  [/^GET \/api\/whoami-v2$/, { summary: 'Who the token belongs to' }],
  [/^GET \/api\/(models|datasets|spaces)$/, { summary: 'Repositories that the caller may see, page by page' }],
  [/^GET \/api\/\w+\/:ns\/:name$/, { summary: 'A repository: its files, card and newest commit' }],
  [/^GET .*\/revision\/\*$/, { summary: 'A repository at a revision' }],
  [/^GET .*\/tree\/\*$/, { summary: 'Files of a folder at a revision, page by page' }],
  [/^POST .*\/paths-info\/\*$/, { summary: 'Entries by their paths', body: PATHS_INFO }],
  [/^GET .*\/refs$/, { summary: 'Branches, tags and pull requests' }],
  [/^GET .*\/commits\/\*$/, { summary: 'History, newest first' }],
  [/^POST .*\/branch\/\*$/, { summary: 'Make a branch', body: BRANCH }],
  [/^DELETE .*\/branch\/\*$/, { summary: 'Delete a branch' }],
  [/^POST .*\/tag\/\*$/, { summary: 'Make a tag', body: TAG }],
  [/^DELETE .*\/tag\/\*$/, { summary: 'Delete a tag' }],
  [/^GET .*\/xet-read-token\/\*$/, { summary: 'Address of the CAS and a token to read' }],
  [/^GET .*\/xet-write-token\/\*$/, { summary: 'Address of the CAS and a token to write' }],
  [/^POST .*\/preupload\/\*$/, { summary: 'Which files go into git and which into the CAS', body: PREUPLOAD }],
  [/^POST .*\/commit\/\*$/, { summary: 'Commit files', bodyType: 'application/x-ndjson' }],
  [/^POST \/api\/validate-yaml$/, { summary: 'Check a card', body: VALIDATE_YAML }],
  [/^\w+ .*\/resolve\/\*$/, { summary: 'A file, wherever its bytes are kept' }],
  [/^\w+ .*\/raw\/\*$/, { summary: 'What git holds under a path' }],
  [/^POST .*\/info\/lfs\/objects\/batch$/, { summary: 'LFS: where objects are, and where they go', body: LFS_BATCH }],
  [/^POST .*\/objects\/:oid\/verify$/, { summary: 'LFS: was the object received', body: LFS_VERIFY }],
  [/^PUT .*\/objects\/:oid$/, { summary: 'LFS: send an object', bodyType: STREAM }],
  [/^\w+ .*\/objects\/:oid$/, { summary: 'LFS: an object' }],
  [/\/info\/lfs\/locks/, { summary: 'LFS locks are not served' }],
  [/^POST \/cas\/.*\/xorbs\//, { summary: 'Xet: send a xorb', bodyType: STREAM }],
  [/^\w+ \/cas\/.*\/xorbs\//, { summary: 'Xet: bytes of a xorb by a signed URL' }],
  [/^POST \/cas\/.*\/shards$/, { summary: 'Xet: register files', bodyType: STREAM }],
  [/^\w+ \/cas\/.*\/reconstructions\//, { summary: 'Xet: what a file is made of' }],
  [/^\w+ \/cas\/.*\/chunks\//, { summary: 'Xet: xorbs that hold a chunk' }],
  [/^\w+ \/cas\/.*\/chunk-lists\//, { summary: 'Xet: hashes and lengths of a file’s chunks' }],
  [/^\w+ \/cas\//, { summary: 'Xet: the content-addressed store' }],
  [/^POST \/-\/v1\/users$/, { summary: 'Make a user', body: NEW_USER }],
  [/^POST \/-\/v1\/tokens$/, { summary: 'Make a token', body: NEW_TOKEN }],
  [/^POST \/-\/v1\/orgs$/, { summary: 'Make an organisation', body: NEW_ORG }],
  [/^POST \/-\/v1\/orgs\/:org\/members$/, { summary: 'Add a member, or change the role', body: NEW_MEMBER }],
  [/^GET \/-\/v1\/audit$/, { summary: 'The audit log, oldest first' }],
  [/^\w+ \/-\//, { summary: 'Administration of this server' }],
  [/^POST \/(oai\/)?v1\/chat\/completions$/, { summary: 'OpenAI: answer a conversation', body: CHAT_COMPLETION }],
  [/^GET \/(oai\/)?v1\/models$/, { summary: 'OpenAI: models that answer' }],
  [/^GET \/(oai\/)?v1\/models\/\*$/, { summary: 'OpenAI: one of them' }],
  [/^\w+ \/(health|livez|readyz)$/, { summary: 'Is the server well' }],
  [/^GET \/metrics$/, { summary: 'Figures for Prometheus' }],
  [/^GET \/openapi\.json$/, { summary: 'This description' }],
  [/^GET \/docs$/, { summary: 'This description as a page' }],
]

export function docOf(method: string, url: string): RouteDoc {
  const route = `${method} ${url}`
  return DOCS.find(([pattern]) => pattern.test(route))?.[1] ?? { summary: route }
}
