/**
 * Writes the text of `kernels/blake3.ts`: keyed BLAKE3, four 1 KiB leaves or four parents at once in SIMD128 lanes.
 *
 * Generated because the seven rounds are unrolled with their message permutation resolved: AssemblyScript has no macro
 * for that, and loops over it run at half the speed. Steps of the four mixes of a half round are interleaved.
 */
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
const IV = ['0x6a09e667', '0xbb67ae85', '0x3c6ef372', '0xa54ff53a']
/** State words of each mix: four columns, then four diagonals. */
const MIXES = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const
const ROUNDS = 7
const WORDS = Array.from({ length: 16 }, (_, i) => i)
const CHAIN = WORDS.slice(0, 8)

interface Mix {
  readonly a: string
  readonly b: string
  readonly c: string
  readonly d: string
  readonly first: string
  readonly second: string
}

/** The mixes of each half round, with their message words in the order of that round. */
function halfRounds(prefix: string): Mix[][] {
  const halves: Mix[][] = []
  let order = WORDS
  for (let round = 0; round < ROUNDS; round++) {
    for (const half of [0, 4]) {
      halves.push(
        MIXES.slice(half, half + 4).map(([a, b, c, d], i) => {
          const word = 2 * (half + i)
          const name = (index: number) => `${prefix}${index}`
          const [first, second] = [`m${order[word]}`, `m${order[word + 1]}`]
          return { a: name(a), b: name(b), c: name(c), d: name(d), first, second }
        }),
      )
    }
    order = PERMUTATION.map((i) => order[i] as number)
  }
  return halves
}

function scalarRounds(): string {
  const turn = ({ a, b, c, d }: Mix, word: string, [first, second]: readonly [number, number]) =>
    `${a} = ${a} + ${b} + ${word}; ${d} = rotr<u32>(${d} ^ ${a}, ${first}); ${c} = ${c} + ${d}; ${b} = rotr<u32>(${b} ^ ${c}, ${second})`
  return halfRounds('s')
    .flat()
    .map((mix) => `  ${turn(mix, mix.first, [16, 12])}; ${turn(mix, mix.second, [8, 7])}`)
    .join('\n')
}

const ROTATE_16 = '2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13'
const ROTATE_8 = '1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12'

/** Whole bytes rotate by a shuffle, others by two shifts. */
const LANE_STEPS: readonly ((mix: Mix) => string)[] = [
  ({ a, b, first }) => `${a} = i32x4.add(i32x4.add(${a}, ${first}), ${b})`,
  ({ a, d }) => `t = v128.xor(${d}, ${a}); ${d} = i8x16.shuffle(t, t, ${ROTATE_16})`,
  ({ c, d }) => `${c} = i32x4.add(${c}, ${d})`,
  ({ b, c }) => `t = v128.xor(${b}, ${c}); ${b} = v128.or(i32x4.shr_u(t, 12), i32x4.shl(t, 20))`,
  ({ a, b, second }) => `${a} = i32x4.add(i32x4.add(${a}, ${second}), ${b})`,
  ({ a, d }) => `t = v128.xor(${d}, ${a}); ${d} = i8x16.shuffle(t, t, ${ROTATE_8})`,
  ({ c, d }) => `${c} = i32x4.add(${c}, ${d})`,
  ({ b, c }) => `t = v128.xor(${b}, ${c}); ${b} = v128.or(i32x4.shr_u(t, 7), i32x4.shl(t, 25))`,
]

function laneRounds(): string {
  return halfRounds('v')
    .flatMap((mixes) => LANE_STEPS.flatMap((step) => mixes.map((mix) => `    ${step(mix)}`)))
    .join('\n')
}

/** The sixteen message words of four sources, one source a lane. */
function transposedLoads(): string {
  return [0, 1, 2, 3]
    .map((group) =>
      [
        `    a = v128.load(p0, ${16 * group}); b = v128.load(p1, ${16 * group}); c = v128.load(p2, ${16 * group}); d = v128.load(p3, ${16 * group})`,
        '    e = i32x4.shuffle(a, b, 0, 4, 1, 5); f = i32x4.shuffle(c, d, 0, 4, 1, 5)',
        '    a = i32x4.shuffle(a, b, 2, 6, 3, 7); c = i32x4.shuffle(c, d, 2, 6, 3, 7)',
        `    m${4 * group} = i64x2.shuffle(e, f, 0, 2); m${4 * group + 1} = i64x2.shuffle(e, f, 1, 3)`,
        `    m${4 * group + 2} = i64x2.shuffle(a, c, 0, 2); m${4 * group + 3} = i64x2.shuffle(a, c, 1, 3)`,
      ].join('\n'),
    )
    .join('\n')
}

/** Four chaining values, one a lane, to 32 bytes each. */
function transposedStores(): string {
  const half = (h: readonly number[], at: number) =>
    [
      `  a = i32x4.shuffle(h${h[0]}, h${h[1]}, 0, 4, 1, 5); b = i32x4.shuffle(h${h[2]}, h${h[3]}, 0, 4, 1, 5)`,
      `  c = i32x4.shuffle(h${h[0]}, h${h[1]}, 2, 6, 3, 7); d = i32x4.shuffle(h${h[2]}, h${h[3]}, 2, 6, 3, 7)`,
      `  v128.store(out, i64x2.shuffle(a, b, 0, 2), ${at}); v128.store(out, i64x2.shuffle(a, b, 1, 3), ${at + 32})`,
      `  v128.store(out, i64x2.shuffle(c, d, 0, 2), ${at + 64}); v128.store(out, i64x2.shuffle(c, d, 1, 3), ${at + 96})`,
    ].join('\n')
  return `${half([0, 1, 2, 3], 0)}\n${half([4, 5, 6, 7], 16)}`
}

const each = (indices: readonly number[], text: (i: number) => string, joint = ', ') => indices.map(text).join(joint)

export function blake3Source(): string {
  return `// Written by scripts/blake3-source.ts; do not edit. Keyed BLAKE3 of up to 256 KiB, four-lane SIMD128.
const CHUNK_START: u32 = 1, CHUNK_END: u32 = 2, PARENT: u32 = 4
/** Chaining values of 256 leaves, and of the three that a last group of four may write past them. */
const CHAINS = memory.data(${(256 + 4) * 32}, 16)
const BLOCK = memory.data(64, 16)

/** One 64-byte block at m on the chaining value at \`chain\`; 32 bytes to \`out\`, which may be \`chain\`. */
function compress1(chain: usize, m: usize, counter: u32, length: u32, flags: u32, out: usize): void {
  const ${each(WORDS, (i) => `m${i} = load<u32>(m, ${4 * i})`)}
  let ${each(CHAIN, (i) => `s${i} = load<u32>(chain, ${4 * i})`)}
  let s8: u32 = ${IV[0]}, s9: u32 = ${IV[1]}, s10: u32 = ${IV[2]}, s11: u32 = ${IV[3]}, s12: u32 = counter, s13: u32 = 0, s14: u32 = length, s15: u32 = flags
${scalarRounds()}
  ${each(CHAIN, (i) => `store<u32>(out, s${i} ^ s${i + 8}, ${4 * i})`, '; ')}
}

/** Four inputs of \`blocks\` whole blocks at p + k * stride; four chaining values of 32 bytes to \`out\`. */
function compress4(p: usize, stride: usize, blocks: i32, key: usize, counter: u32, counterStep: u32, flags: u32, first: u32, last: u32, out: usize): void {
  let p0 = p, p1 = p + stride, p2 = p1 + stride, p3 = p2 + stride
  let ${each(CHAIN, (i) => `h${i} = v128.load32_splat(key, ${4 * i})`)}
  const counters = i32x4.add(i32x4.splat(counter), i32x4.mul(i32x4.splat(counterStep), i32x4(0, 1, 2, 3)))
  let t = i32x4.splat(0), a: v128, b: v128, c: v128, d: v128, e: v128, f: v128
  for (let k = 0; k < blocks; k++) {
    let ${each(WORDS, (i) => `m${i}: v128`)}
${transposedLoads()}
    const blockFlags = flags | (k == 0 ? first : 0) | (k == blocks - 1 ? last : 0)
    let ${each(CHAIN, (i) => `v${i} = h${i}`)}
    let ${each([0, 1, 2, 3], (i) => `v${8 + i} = i32x4.splat(${IV[i]})`)}, v12 = counters, v13 = i32x4.splat(0), v14 = i32x4.splat(64), v15 = i32x4.splat(blockFlags)
${laneRounds()}
    ${each(CHAIN, (i) => `h${i} = v128.xor(v${i}, v${i + 8})`, '; ')}
    p0 += 64; p1 += 64; p2 += 64; p3 += 64
  }
${transposedStores()}
}

/** One leaf of at most 1 KiB. */
function hashLeaf(p: usize, length: u32, key: usize, counter: u32, flags: u32, last: u32, out: usize): void {
  memory.copy(out, key, 32)
  let blockFlags = flags | CHUNK_START
  for (; length > 64; length -= 64) {
    compress1(out, p, counter, 64, blockFlags, out)
    blockFlags = flags
    p += 64
  }
  memory.fill(BLOCK, 0, 64)
  memory.copy(BLOCK, p, length)
  compress1(out, BLOCK, counter, length, blockFlags | CHUNK_END | last, out)
}

/**
 * BLAKE3 of [p, p + length), at most 256 KiB, as a subtree whose first leaf has number \`counter\`: 32 bytes to \`out\`.
 * \`flags\` is 16 in keyed mode; \`last\` is 8 when the subtree is the root, else 0. Reads up to 3 KiB past the end.
 */
export function blake3(p: usize, length: u32, key: usize, flags: u32, counter: u32, last: u32, out: usize): void {
  let n = (length + 1023) >> 10
  if (n <= 1) { hashLeaf(p, length, key, counter, flags, last, out); return }
  const whole = length >> 10
  let i: u32 = 0
  for (; i + 4 <= whole; i += 4) compress4(p + (<usize>i << 10), 1024, 16, key, counter + i, 1, flags, CHUNK_START, CHUNK_END, CHAINS + (<usize>i << 5))
  if (whole - i > 1) {
    compress4(p + (<usize>i << 10), 1024, 16, key, counter + i, 1, flags, CHUNK_START, CHUNK_END, CHAINS + (<usize>i << 5))
    i = whole
  }
  for (; i < n; i++) hashLeaf(p + (<usize>i << 10), min<u32>(1024, length - (i << 10)), key, counter + i, flags, 0, CHAINS + (<usize>i << 5))
  while (n > 2) {
    const pairs = n >> 1
    // Saved before the padded lanes of the last group overwrite it.
    const odd = CHAINS + (<usize>(n - 1) << 5)
    const odd0 = v128.load(odd), odd1 = v128.load(odd, 16)
    for (let j: u32 = 0; j < pairs; j += 4) compress4(CHAINS + (<usize>j << 6), 64, 1, key, 0, 0, flags | PARENT, 0, 0, CHAINS + (<usize>j << 5))
    if ((n & 1) != 0) { v128.store(CHAINS + (<usize>pairs << 5), odd0); v128.store(CHAINS + (<usize>pairs << 5), odd1, 16) }
    n = pairs + (n & 1)
  }
  joinNodes(CHAINS, key, flags, last, out)
}

/** The parent of the two chaining values at p. */
export function joinNodes(p: usize, key: usize, flags: u32, last: u32, out: usize): void {
  compress1(key, p, 0, 64, flags | PARENT | last, out)
}
`
}
