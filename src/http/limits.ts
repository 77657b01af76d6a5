/**
 * What the listener takes before it says no, all in one place, each with its reason. docs/limits.md says the same for
 * people, with the limits of the layers below (`npm test` compares). Times in ms, sizes in bytes.
 */
const KIB = 1024
const MIB = 1024 * KIB

/** A browser's headers are 1 to 4 KiB, our longest token 2 KiB; llhttp holds them in memory for each connection. */
export const HEADER_BYTES_MAX = 16 * KIB
/** Real clients send below 30. Node would drop the ones above its own limit unseen: those that matter may be among them. */
export const HEADER_COUNT_MAX = 100
/** From the first byte, or the opening of the connection, to the last header: a phone on a bad line needs 5 s. */
export const HEADERS_MS = 15_000
/** How often Node looks for connections that are late. */
export const LATE_CHECK_MS = 1_000
/** Longer than proxies and hf_xet keep their side (60 s), so that it is they who close. */
export const KEEP_ALIVE_MS = 75_000
/**
 * Files, git and SQLite need descriptors when every client has one: so many, or half of what the process may open, are
 * not for connections. An idle connection costs 9 KiB, 10,000 of them are served on a machine that allows 20,000 files.
 */
export const DESCRIPTORS_RESERVED = 1_024
/** Longer than any path of a file in a repository (4096 bytes), percent-encoded. */
export const PARAM_LENGTH_MAX = 16_384

/** Requests before the first byte of their answers; more of them make each turn of the event loop longer, nothing faster. */
export const INSIDE_MAX = 24
/** One that takes longer (a job) keeps no other out. */
export const INSIDE_MS = 100

/**
 * A transfer may take hours, but not stand still or crawl: in each window the other side sends, or takes, at least so
 * much, or its connection ends. 1 KiB/s is far below what anybody waits for; Node's own limit on the whole request would
 * end a steady 1 Mbit/s upload.
 */
export const SENDER_WINDOW_MS = 60_000
export const WINDOW_BYTES_MIN = 60 * KIB
/** Longer: a training run that reads its data while it goes stands still for minutes when it writes a checkpoint. */
export const READER_WINDOW_MS = 300_000
/** How often it is looked at. */
export const TRANSFER_LOOK_MS = 5_000

/** Settings, names, tokens: a few fields. */
export const SMALL_BODY_BYTES_MAX = 64 * KIB
/** Text that people type. */
export const COMMENT_BODY_BYTES_MAX = 256 * KIB
/** Lists of LFS objects: 10,000 with their hashes and sizes are 1.3 MiB. */
export const OBJECT_LIST_BYTES_MAX = 4 * MIB
/** Lists of paths and samples: 256 files of `huggingface_hub`, each 4 KiB of sample, are 1.5 MiB in base64. */
export const PATH_LIST_BYTES_MAX = 8 * MIB
/** A conversation: the context of a model with a million tokens is 4 MiB of text. */
export const CHAT_BODY_BYTES_MAX = 8 * MIB
/** Of all bodies that are being read into memory at once; shards and xorbs have their own turns (cas/limits.ts). */
export const BODIES_HELD_BYTES_MAX = 256 * MIB
/** What is read and thrown away after a refusal, so that the client sees it: a little more than the largest xorb. */
export const DISCARDED_BYTES_MAX = 80 * MIB
/** How long a client that still sends may take to read a refusal before its connection ends. */
export const LINGER_MS = 2_000

/** Requests of one token or address in a window; far above what clients send, far below what would hurt. */
export const RATE_LIMITS = { api: 200_000, resolvers: 500_000, pages: 20_000 } as const
/** The Hub's own window. */
export const RATE_WINDOW_SECONDS = 300
/** Whoever was seen least lately is forgotten first: 50,000 windows are 10 MiB. */
export const RATE_KEYS_MAX = 50_000

/** After SIGTERM running requests may end; container runtimes kill after 10 s. */
export const DRAIN_MS = 8_000
