import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { printIptables } from '../../../src/language/iptables/print/print.js'
import { readApplications } from '../../../src/language/ufw/applications.js'
import { isUfwScript, loadUfwScript } from '../../../src/language/ufw/script.js'

const APPLICATIONS = readApplications([
  '[Ollama]\ntitle=Ollama\ndescription=\nports=11434/tcp\n\n[Web All]\nports=443,80/tcp|443/udp\n[Names]\nports=53\n',
  '[1st]\nports=1/tcp\n[Bad]\nports=70000/tcp\n[Both]\nports=80,81\n[Ollama]\nports=1/tcp\n[all]\nports=1/tcp\n',
])

/** The rules of the user's chains after some commands, as iptables prints them. */
function rules(...commands: string[]): string[] {
  const text = commands.map((command) => `ufw ${command}`).join('\n')
  return printIptables(loadUfwScript(text, 'ufw.sh', { applications: APPLICATIONS }).ruleset)
    .split('\n')
    .filter((line) => /-A ufw6?-user-(?:input|output|forward|logging)/.test(line))
    .map((line) => line.replace('iptables -A ufw-user-', '').replace('ip6tables -A ufw6-user-', '6 '))
}

function errorOf(...commands: string[]): string {
  try {
    rules(...commands)
  } catch (error) {
    if (error instanceof LanguageError) return error.message.split('\n')[0]!
    throw error
  }
  return 'no error'
}

describe('commands of ufw', () => {
  test.each([
    [
      'allow 22/tcp',
      ['input -p tcp -m tcp --dport 22 -j ACCEPT', '6 input -p tcp -m tcp --dport 22 -j ACCEPT'],
    ],
    ['deny ssh', ['input -p tcp -m tcp --dport 22 -j DROP', '6 input -p tcp -m tcp --dport 22 -j DROP']],
    [
      'allow from 10.0.0.0/16 to any port 11434 proto tcp',
      ['input -s 10.0.0.0/16 -p tcp -m tcp --dport 11434 -j ACCEPT'],
    ],
    [
      'reject out to 10.0.2.10 port 53',
      [
        'output -d 10.0.2.10/32 -p tcp -m tcp --dport 53 -j REJECT --reject-with tcp-reset',
        'output -d 10.0.2.10/32 -p udp -m udp --dport 53 -j REJECT --reject-with icmp-port-unreachable',
      ],
    ],
    ['deny in on eth0 from 2001:db8::/32', ['6 input -s 2001:db8::/32 -i eth0 -j DROP']],
    [
      'allow proto udp from 10.0.0.1 port 80,443 to any port 5:9',
      ['input -s 10.0.0.1/32 -p udp -m multiport --dports 5:9 -m multiport --sports 80,443 -j ACCEPT'],
    ],
    [
      'route allow in on eth0 out on eth1 to 10.0.0.1 port 80 proto tcp',
      ['forward -d 10.0.0.1/32 -i eth0 -o eth1 -p tcp -m tcp --dport 80 -j ACCEPT'],
    ],
    [
      'allow log from 10.0.0.1',
      [
        'input -s 10.0.0.1/32 -j ufw-user-logging-input',
        'input -s 10.0.0.1/32 -j ACCEPT',
        'logging-input -s 10.0.0.1/32 -m conntrack --ctstate NEW -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW ALLOW] "',
        'logging-input -s 10.0.0.1/32 -j RETURN',
      ],
    ],
  ])('%s', (command, expected) => {
    expect(rules(command)).toEqual(expected)
  })

  test.each([
    ['allow from 10.0.0.1 to any app Ollama', ['tcp -m tcp --dport 11434']],
    [
      "allow from 10.0.0.1 to any app 'web all'",
      ['tcp -m multiport --dports 80,443', 'udp -m udp --dport 443'],
    ],
    [
      'allow from 10.0.0.1 port 9 to any app Names',
      ['tcp -m tcp --sport 9 --dport 53', 'udp -m udp --sport 9 --dport 53'],
    ],
    [
      "allow from 10.0.0.1 app Names to any app 'Web All'",
      ['tcp -m multiport --dports 80,443 -m multiport --sports 53', 'udp -m udp --sport 53 --dport 443'],
    ],
    ['allow from 10.0.0.1 app Ollama to any app Ollama', ['tcp -m tcp --sport 11434 --dport 11434']],
    [
      "allow from 10.0.0.1 app Ollama to any app 'Web All'",
      ['tcp -m multiport --dports 80,443 -m multiport --sports 11434'],
    ],
  ])('application profiles: %s', (command, expected) => {
    expect(rules(command)).toEqual(expected.map((words) => `input -s 10.0.0.1/32 -p ${words} -j ACCEPT`))
  })

  test('a profile is one rule to numbers, and to later commands', () => {
    const numbered = rules("allow 'Web All'", 'allow from 10.0.0.1', "deny 'Web All'", 'delete 2')
    expect(numbered.filter((rule) => !rule.startsWith('6'))).toEqual([
      'input -p tcp -m multiport --dports 80,443 -j DROP',
      'input -p udp -m udp --dport 443 -j DROP',
    ])
    expect(APPLICATIONS.map(({ name }) => name)).toEqual(['Ollama', 'Web All', 'Names'])
    expect(rules('app list', 'app info Ollama', 'app update Ollama')).toEqual([])
  })

  test('limit counts with recent', () => {
    expect(rules('limit from 10.0.0.1 to any port 22 proto tcp')).toEqual([
      'input -s 10.0.0.1/32 -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --set --name DEFAULT --mask 255.255.255.255 --rsource',
      'input -s 10.0.0.1/32 -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 --name DEFAULT --mask 255.255.255.255 --rsource -j ufw-user-limit',
      'input -s 10.0.0.1/32 -p tcp -m tcp --dport 22 -j ufw-user-limit-accept',
    ])
  })

  test('insert, prepend, delete, and the same rule again', () => {
    const [a, b, c] = ['from 10.0.0.1', 'from 10.0.0.2', 'from 10.0.0.3']
    const sources = (...commands: string[]) =>
      rules(...commands).map((rule) => /-s (\S+)\/32 -j (\w+)/.exec(rule)!.slice(1).join(' '))
    expect(sources(`allow ${a}`, `allow ${b}`, `insert 2 deny ${c}`)).toEqual([
      '10.0.0.1 ACCEPT',
      '10.0.0.3 DROP',
      '10.0.0.2 ACCEPT',
    ])
    expect(sources(`allow ${a}`, `prepend allow ${b}`)).toEqual(['10.0.0.2 ACCEPT', '10.0.0.1 ACCEPT'])
    expect(sources(`allow ${a}`, `allow ${b}`, 'delete 1')).toEqual(['10.0.0.2 ACCEPT'])
    expect(sources(`allow ${a}`, `allow ${b}`, `delete allow ${b}`)).toEqual(['10.0.0.1 ACCEPT'])
    expect(sources(`allow ${a}`, `allow ${b}`, `deny ${a}`)).toEqual(['10.0.0.1 DROP', '10.0.0.2 ACCEPT'])
  })

  test('a number counts the rule for IPv4 even where that was there already', () => {
    const commands = ['deny 80', 'allow from 10.0.0.1', 'insert 1 allow 80']
    expect(rules(...commands)).toEqual([
      'input -p tcp -m tcp --dport 80 -j DROP',
      'input -p udp -m udp --dport 80 -j DROP',
      'input -s 10.0.0.1/32 -j ACCEPT',
      '6 input -p tcp -m tcp --dport 80 -j ACCEPT',
      '6 input -p udp -m udp --dport 80 -j ACCEPT',
    ])
  })

  test('policies, and what ufw brings along', () => {
    const text = printIptables(
      loadUfwScript('ufw default deny outgoing\nufw default reject routed\nufw --force enable\n', 'ufw.sh')
        .ruleset,
    )
    expect(text).toMatchSnapshot()
  })

  test.each([
    ['alow 22', /alow is no action/],
    ['allow 70000', /70000 is no port/],
    ['allow 80:90', /several ports need a protocol/],
    ['allow 22/icmp', /icmp is no protocol that ufw knows/],
    ['allow nonsense', /nonsense is neither a service nor an application profile/],
    ['allow proto tcp to any app Ollama', /proto does not go with it/],
    ['allow to any app Ollama port 22', /there are two ports/],
    ['app default allow', /of ufw app, list, info and update are read/],
    ['allow from 10.0.0.1 to ::1', /addresses of one IP version only/],
    ['allow from 10.0.0.1 port 22 proto esp', /esp has no ports/],
    ['allow port 22', /port needs from or to before it/],
    ['allow from any app WWW', /WWW is neither a service nor an application profile/],
    ['insert 5 allow 22', /5 is no rule's number here/],
    ['delete 1', /there is no rule 1/],
    ['default drop', /drop is no policy/],
    ['logging loud', /loud is no level of logging/],
    ['route allow in 22', /in needs an interface/],
    ['allow from 10.0.0.1 and more', /and is out of place here/],
    ['allow $PORT', /\$PORT is a variable of the shell/],
  ])('%s is refused', (command, message) => {
    expect(errorOf(command)).toMatch(message)
  })

  test('prose is passed over on request', () => {
    const text = 'Set it up:\nufw is simple.\nufw allow 22/tcp\n'
    expect(isUfwScript(text)).toBe(true)
    expect(loadUfwScript(text, 'x', { prose: true }).passedOver).toHaveLength(2)
    expect(() => loadUfwScript(text, 'x')).toThrow(/Set is no command of ufw/)
  })

  test('hostile text is read or refused, and nothing else', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'allow',
        'in',
        'on',
        'out',
        'log',
        'from',
        'to',
        'any',
        'port',
        'proto',
        'tcp',
        'insert',
        '1',
        'delete',
        'route',
        '80,443',
        '1:',
        "'",
      ),
      fc.string({ maxLength: 5 }),
    )
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), (words) => {
        expect(errorOf(words.join(' '))).toEqual(expect.any(String))
      }),
    )
  })
})
