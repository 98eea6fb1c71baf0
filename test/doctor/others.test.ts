import { describe, expect, test } from 'vitest'
import { programsIn } from '../../src/doctor/others.js'

describe('who else has rules', () => {
  test('is known by the chains in what iptables-save prints', () => {
    const saved = `# Generated
*filter
:INPUT DROP [0:0]
:DOCKER-USER - [0:0]
:ufw-before-input - [0:0]
:f2b-sshd - [0:0]
-A INPUT -j ufw-before-input
-A f2b-sshd -j RETURN
COMMIT
`
    expect(programsIn(saved)).toEqual({ programs: ['ufw', 'Docker', 'fail2ban'], rules: 2 })
  })

  test('is known by the tables and chains in what nft lists', () => {
    const listed = `table inet firewalld {
	chain filter_INPUT {
		type filter hook input priority filter + 10; policy accept;
		ct state established accept
	}
}
table ip nat {
	chain KUBE-SERVICES {
		ip daddr 192.0.2.1 return
		return
	}
}
`
    expect(programsIn(listed)).toEqual({ programs: ['firewalld', 'Kubernetes'], rules: 3 })
  })

  test('of nobody known there are only the rules', () => {
    expect(programsIn('*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n')).toEqual({
      programs: [],
      rules: 1,
    })
  })
})
