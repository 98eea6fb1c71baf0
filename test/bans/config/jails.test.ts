import { describe, expect, test } from 'vitest'
import { loadJails } from '../../../src/bans/config/jails.js'
import { memoryFiles } from './memory.js'

const FILTER = '[Definition]\nfailregex = ^bad <HOST>$\n'
const JAIL = '[j]\nenabled = true\nfilter = f\nlogpath = /l\n'

function load(files: Record<string, string>) {
  return loadJails('/e', memoryFiles({ '/e/filter.d/f.conf': FILTER, ...files }))
}

/** The only jail, and what was reported. */
function one(files: Record<string, string>) {
  const { jails, problems } = load(files)
  expect(jails).toHaveLength(1)
  const options = Object.fromEntries([...jails[0]!.filter.options].map(([name, { text }]) => [name, text]))
  const told = problems.map(
    ({ position: { file, line, column }, message }) => `${file}:${line}:${column} ${message}`,
  )
  return { jail: jails[0]!, options, told }
}

describe('files', () => {
  test('conf, conf.d, local and local.d, the later ones first; before and after around each', () => {
    const { jail } = one({
      '/e/jail.conf':
        '[INCLUDES]\nbefore = b.conf\nafter = a.conf\n[DEFAULT]\nmaxretry = 2\nfindtime = 2\nbantime = 2\n',
      '/e/b.conf': '[DEFAULT]\nmaxretry = 1\nport = 1\n',
      '/e/a.conf': '[DEFAULT]\nfindtime = 3\n',
      '/e/a.local': '[DEFAULT]\nbantime = 4\n',
      '/e/jail.d/2.conf': '[j]\nmaxretry = 6\n',
      '/e/jail.d/1.conf': `${JAIL}maxretry = 5\n`,
      '/e/jail.local': '[j]\nfindtime = 7\n',
    })
    expect(jail).toMatchObject({ maxRetry: 6, findTime: 7000, banTime: 4000 })
  })

  test('files that include each other come to an end', () => {
    const text = `[INCLUDES]\nbefore = jail.conf\nafter = jail.conf\n${JAIL}`
    expect(one({ '/e/jail.conf': text }).jail.name).toBe('j')
  })
})

describe('values', () => {
  test('%(option)s, of sections and defaults, before an override, and with the name of the jail', () => {
    const { jail, told } = one({
      '/e/jail.conf':
        '[paths]\nlogs = /var\n[DEFAULT]\nfile = %(__name__)s.log\n[j]\nlogpath = %(paths/logs)s/%(file)s\n',
      '/e/jail.local':
        '[j]\nenabled = true\nfilter = f\nlogpath = %(known/logpath)s\n  /100%%/%(default/file)s tail\n',
    })
    expect(told).toEqual([])
    expect(jail.logs.map(({ pattern, tail }) => [pattern, tail])).toEqual([
      ['/var/j.log', false],
      ['/100%/j.log', true],
    ])
  })

  test('what the filter says is known to the jail', () => {
    const { options } = one({ '/e/jail.conf': `${JAIL}failregex = %(known/failregex)s\n  ^worse <HOST>$\n` })
    expect(options.failregex).toBe('^bad <HOST>$\n^worse <HOST>$')
  })

  test('tags lead on to others, inner ones first; what the jail gives goes before the filter', () => {
    const filter =
      '[DEFAULT]\npre = <lt_<logtype>/pre>\n[lt_file]\npre = F\n[lt_journal]\npre = J\n[Init]\nmode = calm\n' +
      '[Definition]\nre-calm = c\nre-wild = w%(tail)s\ntail = !\nfailregex = ^<pre><re-<mode>> <HOST> <F-USER>\\S+</F-USER>$\n'
    const jail = '[j]\nenabled = true\nlogpath = /l\nfilter = f[mode="wild", logtype=journal]\n'
    expect(one({ '/e/filter.d/f.conf': filter, '/e/jail.conf': JAIL }).options.failregex).toBe(
      '^Fc <HOST> <F-USER>\\S+</F-USER>$',
    )
    expect(one({ '/e/filter.d/f.conf': filter, '/e/jail.conf': jail }).options.failregex).toBe(
      '^Jw! <HOST> <F-USER>\\S+</F-USER>$',
    )
  })

  test('a value keeps the places of its parts', () => {
    const { jails } = load({
      '/e/filter.d/f.conf': '[DEFAULT]\nname = (x\n[Definition]\nfailregex = ^a %(name)s b\n',
      '/e/jail.conf': JAIL,
    })
    const regex = jails[0]!.filter.options.get('failregex')!
    expect(regex.text).toBe('^a (x b')
    expect(regex.at(3)).toEqual({ file: '/e/filter.d/f.conf', line: 2, column: 8 })
    expect(regex.at(6)).toEqual({ file: '/e/filter.d/f.conf', line: 4, column: 25 })
  })

  test.each([
    ['600', 600_000],
    ['10m', 600_000],
    ['1d 3h', 97_200_000],
    ['1h30m', 5_400_000],
    ['2 weeks', 1_209_600_000],
    ['24*60*60', 86_400_000],
    ['-1', Number.POSITIVE_INFINITY],
  ])('bantime = %s', (text, span) => {
    expect(one({ '/e/jail.conf': `${JAIL}bantime = ${text}\n` }).jail.banTime).toBe(span)
  })

  test('bans that grow', () => {
    const growth =
      'bantime.increment = true\nbantime.multipliers = 1 5 30\nbantime.maxtime = 1w\nbantime.rndtime = 8m\n'
    expect(one({ '/e/jail.conf': JAIL + growth }).jail.increment).toEqual({
      multipliers: [1, 5, 30],
      factor: 1,
      most: 604_800_000,
      random: 480_000,
      allJails: false,
    })
  })
})

describe('actions', () => {
  test.each([
    ['iptables-allports[name=x]', [], []],
    [
      'iptables-multiport[port="ssh,8000:8010", protocol=tcp]',
      [
        [22, 22],
        [8000, 8010],
      ],
      ['tcp'],
    ],
    ['nftables[type=multiport, port="http", protocol="tcp,udp"]', [[80, 80]], ['tcp', 'udp']],
    ['%(banaction)s[port="%(port)s"]\n  nftables-allports', [], []],
    ['%(banaction)s', [[11434, 11434]], ['tcp']],
  ])('%s', (action, ports, protocols) => {
    const text = `[DEFAULT]\nbanaction = iptables-multiport\n${JAIL}port = 11434\naction = ${action}\n`
    const { jail, told } = one({ '/e/jail.conf': text })
    expect([jail.closed, told]).toEqual([{ ports, protocols }, []])
  })

  test('others are named and left aside', () => {
    const text = `${JAIL}action = iptables-multiport[port=22]\n  sendmail[to="a b, c"]\n`
    const { jail, told } = one({ '/e/jail.conf': text })
    expect(jail.closed.ports).toEqual([[22, 22]])
    expect(told).toEqual(['/e/jail.conf:6:3 the action sendmail is left aside'])
  })
})

describe('what is wrong is told, and the rest goes on', () => {
  test.each([
    ['no such filter', '[k]\nenabled = true\nfilter = no\nlogpath = /l\n', '3:10 there is no filter no'],
    ['no filter', '[k]\nenabled = true\nlogpath = /l\n', '2:11 jail k has no filter'],
    ['no log', '[k]\nenabled = true\nfilter = f\n', '2:11 jail k has no logpath'],
    ['brackets', '[k]\nenabled = true\nfilter = f[x\n', '3:10 expected name or name[option=value, …]'],
    [
      'a circle',
      '[k]\nenabled = %(a)s\na = %(b)s\nb = %(a)s\n',
      '4:5 %(a)s leads on too deep: does it name itself?',
    ],
  ])('%s', (_, jail, message) => {
    const { jails, problems } = load({ '/e/jail.d/1.conf': jail, '/e/jail.d/2.conf': JAIL })
    expect(jails.map(({ name }) => name)).toEqual(['j'])
    const { position, message: text } = problems[0]!
    expect(`${position.line}:${position.column} ${text}`).toBe(message)
  })

  test.each([
    ['maxretry = many', 'maxretry is a number, 1 or more, not many'],
    ['findtime = soon', 'findtime is a time such as 600, 10m or 1d 3h, not soon'],
    ['bantime = %(nothing)s', 'there is no option nothing for %(nothing)s'],
    ['bantime = 50%', 'a % is written %%, or belongs to %(name)s'],
    ['ignoreip = 10.0.0.0/8 300.1.1.1', '300.1.1.1 is no address, prefix or name'],
    ['logencoding = klingon', 'there is no encoding klingon'],
    ['port = sssh\naction = iptables-multiport', 'there is no port sssh'],
    [
      'bantime.increment = yes\nbantime.formula = 1',
      'bantime.formula is a program in Python, which Portcullis does not run',
    ],
  ])('%s', (line, message) => {
    const { told } = one({ '/e/jail.conf': `${JAIL}${line}\n` })
    expect(told).toEqual([expect.stringMatching(/^\/e\/jail.conf:\d+:\d+ /)])
    expect(told[0]).toContain(message)
  })

  test('tags that name each other, and values that would fill the memory', () => {
    const circle = '[Definition]\na = <b>\nb = <a>\nfailregex = <a> <HOST>\n'
    const bomb = `[Definition]\n${Array.from({ length: 12 }, (_, i) => `a${i + 1} = ${`<a${i}>`.repeat(12)}`).join('\n')}\na0 = x\nfailregex = <a12>\n`
    for (const filter of [circle, bomb]) {
      const { options, told } = one({ '/e/filter.d/f.conf': filter, '/e/jail.conf': JAIL })
      expect(options.failregex).toBeUndefined()
      expect(told).toEqual([expect.stringMatching(/name each other in a circle$/)])
    }
  })
})
