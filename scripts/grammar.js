// Generates the parser of nft's language from its grammar, if it is older than the grammar or than peggy.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const GRAMMAR = join(root, 'src/language/nft/grammar/nft.peggy')
const PARSER = join(root, 'src/language/nft/grammar/parser.ts')
const GENERATOR = [fileURLToPath(import.meta.url), join(root, 'node_modules/peggy/package.json')]
const START_RULES = ['Script', 'TableLines', 'ChainLines']

/** Whether the parser is there and newer than what it is made from. */
export function grammarBuilt() {
  return existsSync(PARSER) && [GRAMMAR, ...GENERATOR].every((path) => time(path) <= time(PARSER))
}

export async function buildGrammar() {
  const { default: peggy } = await import('peggy')
  const options = {
    output: 'source',
    format: 'es',
    allowedStartRules: START_RULES,
    grammarSource: 'nft.peggy',
  }
  const source = peggy.generate(readFileSync(GRAMMAR, 'utf8'), options)
  writeFileSync(PARSER, `// @ts-nocheck\n${source}`)
}

function time(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !grammarBuilt()) await buildGrammar()
