// Makes tests/unit/storage/vectors.json with js-IPFS' importer: sizes and seeds of files, and their identifiers.
//
//   npm install --prefix FOLDER ipfs-unixfs-importer blockstore-core
//   NODE_MODULES=FOLDER/node_modules node scripts/ipfs_vectors.mjs > tests/unit/storage/vectors.json
//
// A file of n bytes with seed s is SHAKE-256(s as text), n bytes long.
import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { readFileSync } from 'node:fs'

const at = (name, entry) => pathToFileURL(`${process.env.NODE_MODULES}/${name}/${entry}`).href
const { importer } = await import(at('ipfs-unixfs-importer', 'dist/src/index.js'))
const { fixedSize } = await import(at('ipfs-unixfs-importer', 'dist/src/chunker/index.js'))
const { balanced } = await import(at('ipfs-unixfs-importer', 'dist/src/layout/index.js'))
const importerVersion = JSON.parse(readFileSync(`${process.env.NODE_MODULES}/ipfs-unixfs-importer/package.json`)).version

const KIB = 1024
const CASES = [
  [256 * KIB, 174, [0, 1, 31, 262143, 262144, 262145, 524288, 1000003, 174 * 262144 - 1, 174 * 262144, 174 * 262144 + 1]],
  [32, 174, [32 * 174, 32 * 174 + 1, 32 * 174 * 174, 32 * 174 * 174 + 1, 1000003]],
  [1000, 3, [1000, 2001, 3000, 3001, 9000, 9001, 27001, 81001]]
]

const stored = new Map()
const blockstore = {
  put: async (cid, block) => { stored.set(cid.toString(), true); return cid },
  has: async () => false,
  get: async () => { throw new Error('not kept') }
}
const vectors = []
for (const [chunk, width, sizes] of CASES) {
  for (const size of sizes) {
    const seed = `opg ${size}`
    const content = createHash('shake256', { outputLength: size }).update(seed).digest()
    const options = {
      cidVersion: 1, rawLeaves: true, wrapWithDirectory: false, reduceSingleLeafToSelf: true,
      chunker: fixedSize({ chunkSize: chunk }), layout: balanced({ maxChildrenPerNode: width })
    }
    for await (const entry of importer([{ path: 'file', content }], blockstore, options)) {
      vectors.push({ chunk, width, size, seed, cid: entry.cid.toString() })
    }
  }
}
console.log(JSON.stringify({ made_by: `ipfs-unixfs-importer ${importerVersion}`, vectors }, null, 1))
