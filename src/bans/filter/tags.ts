import { Traced } from '../config/traced.js'

const IP4 = '(?P<ip4>(?:\\d{1,3}\\.){3}\\d{1,3})'
/** Addresses of IPv4 within IPv6 count as the former. */
const ANY_IP4 = `(?:::f{4,6}:)?${IP4}`
const IP6 = '(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}(?:[0-9a-fA-F]{1,4}|:))'
const DNS = '(?P<dns>[\\w\\-.^_]*\\w)'
const CIDR = '(?P<cidr>\\d+)'
const ADDRESS = `\\[?(?:${ANY_IP4}|${IP6})\\]?`
const ADDRESS_OR_NAME = `(?:${ADDRESS}|${DNS})`

/** What tags of filters stand for. */
const TAGS: Readonly<Record<string, string>> = {
  IP4: ANY_IP4,
  'F-IP4/': ANY_IP4,
  IP6,
  'F-IP6/': IP6,
  ADDR: ADDRESS,
  'F-ADDR/': ADDRESS,
  CIDR,
  'F-CIDR/': CIDR,
  SUBNET: `\\[?(?:${ANY_IP4}|${IP6})(?:/${CIDR})?\\]?`,
  'F-SUBNET/': `\\[?(?:${ANY_IP4}|${IP6})(?:/${CIDR})?\\]?`,
  DNS,
  'F-DNS/': DNS,
  'F-ID/': '(?P<fid>\\S+)',
  'F-PORT/': '(?P<fport>\\w+)',
}

/** Groups that are called otherwise than their tags. */
const GROUP_OF: Readonly<Record<string, string>> = { id: 'fid', port: 'fport' }

/** Groups by which a regex says whom it is about, or to which other lines it belongs. */
export const IDENTIFYING = ['fid', 'ip4', 'ip6', 'dns', 'mlfid'] as const

/**
 * A regex with its tags (<HOST>, <F-USER>…</F-USER>, …) put in. names: whether <HOST> may be a name; or addresses
 * alone.
 */
export function expandTags(regex: Traced, names: boolean): Traced {
  const parts: Traced[] = []
  const open = new Set<string>()
  let skipped = 0
  let from = 0
  for (const match of regex.text.matchAll(/<(\/?[\w-]+\/?)>/g)) {
    const tag = match[1]!
    let text = Object.hasOwn(TAGS, tag) ? TAGS[tag] : undefined
    const custom = /^(\/?)F-([A-Z0-9_-]+)$/.exec(tag)
    if (tag === 'HOST') text = names ? ADDRESS_OR_NAME : ADDRESS
    else if (tag === 'SKIPLINES') text = `\\n(?P<skiplines${skipped++}>(?:(?:.*\\n)*?))`
    else if (text === undefined && custom !== null) {
      const name = custom[2]!.toLowerCase()
      if (custom[1] === '') {
        open.add(name)
        text = `(?P<${GROUP_OF[name] ?? name}>`
      } else if (open.has(name)) text = ')'
    }
    if (text === undefined) continue
    parts.push(regex.slice(from, match.index), Traced.at(text, regex.at(match.index)))
    from = match.index + match[0].length
  }
  return Traced.join([...parts, regex.slice(from)])
}
