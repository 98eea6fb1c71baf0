/** The syntax tree that the grammar makes of a text: words are as they were written, and nothing has a type yet. */

/** A part of the text: from `at` to before `end`, in UTF-16 units. */
export interface Span {
  readonly at: number
  readonly end: number
}

export interface WordNode extends Span {
  readonly kind: 'word'
  readonly text: string
  readonly quoted?: boolean
}

export interface VariableNode extends Span {
  readonly kind: 'variable'
  readonly name: WordNode
}

export type NameNode = WordNode | VariableNode

export type ExpressionNode = Span &
  (
    | WordNode
    | VariableNode
    | { readonly kind: 'reference'; readonly name: NameNode }
    | SetNode
    | ElementNode
    | { readonly kind: 'wildcard' }
    | { readonly kind: 'list'; readonly items: readonly ExpressionNode[] }
    | { readonly kind: 'concat'; readonly parts: readonly ExpressionNode[] }
    | { readonly kind: 'range'; readonly from: ExpressionNode; readonly to: ExpressionNode }
    | { readonly kind: 'prefix'; readonly base: ExpressionNode; readonly length: number }
    | { readonly kind: 'masked'; readonly value: ExpressionNode; readonly mask: ExpressionNode }
    | {
        readonly kind: 'binary'
        readonly operator: '&' | '|' | '^' | '<<' | '>>'
        readonly left: ExpressionNode
        readonly right: ExpressionNode
      }
    | { readonly kind: 'map'; readonly key: ExpressionNode; readonly map: ExpressionNode }
    | SelectorNode
  )

export interface SetNode extends Span {
  readonly kind: 'set'
  readonly elements: readonly ExpressionNode[]
}

export interface ElementNode extends Span {
  readonly kind: 'element'
  readonly key: ExpressionNode
  readonly options: readonly OptionNode[]
  readonly statements: readonly StatementNode[]
  readonly data: ExpressionNode | VerdictNode | null
}

export interface OptionNode {
  readonly key: 'timeout' | 'expires' | 'comment'
  readonly value?: NameNode
  readonly text?: string
}

export type SelectorNode = Span &
  (
    | { readonly kind: 'payload'; readonly protocol: string; readonly field: WordNode }
    | {
        readonly kind: 'raw'
        readonly base: 'll' | 'nh' | 'th' | 'ih'
        readonly offset: string
        readonly length: string
      }
    | {
        readonly kind: 'exthdr'
        readonly name: WordNode
        readonly field: WordNode | null
        readonly index: string | null
      }
    | {
        readonly kind: 'tcp option'
        readonly name: WordNode
        readonly field?: WordNode | null
        readonly raw?: { readonly offset: string; readonly length: string }
      }
    | { readonly kind: 'ip option' | 'sctp chunk'; readonly name: WordNode; readonly field: WordNode | null }
    | { readonly kind: 'dccp option'; readonly number: string }
    | { readonly kind: 'meta'; readonly key: WordNode }
    | {
        readonly kind: 'ct'
        readonly direction: 'original' | 'reply' | null
        readonly family: 'ip' | 'ip6' | null
        readonly key: WordNode
      }
    | { readonly kind: 'rt'; readonly family: 'ip' | 'ip6' | null; readonly key: WordNode }
    | { readonly kind: 'socket'; readonly key: WordNode; readonly level: string | null }
    | {
        readonly kind: 'fib'
        readonly flags: readonly string[]
        readonly result: 'oif' | 'oifname' | 'type' | 'check'
      }
    | { readonly kind: 'osf'; readonly ttl: 'loose' | 'skip' | null; readonly key: 'name' | 'version' }
    | {
        readonly kind: 'ipsec'
        readonly direction: 'in' | 'out'
        readonly spnum: string | null
        readonly family: 'ip' | 'ip6' | null
        readonly key: 'reqid' | 'spi' | 'saddr' | 'daddr'
      }
    | {
        readonly kind: 'numgen'
        readonly mode: 'inc' | 'random'
        readonly modulus: string
        readonly offset: string | null
      }
    | {
        readonly kind: 'hash'
        readonly of: ExpressionNode | null
        readonly modulus: string
        readonly seed: string | null
        readonly offset: string | null
      }
  )

export interface VerdictNode extends Span {
  readonly kind: 'verdict'
  readonly verdict: 'accept' | 'drop' | 'continue' | 'return' | 'jump' | 'goto'
  readonly target?: NameNode
}

export interface LimitNode extends Span {
  readonly kind: 'limit'
  readonly over: boolean
  readonly rate: string
  readonly unit: WordNode | null
  readonly per: WordNode
  readonly burst: { readonly number: string; readonly unit: string } | null
}

export interface QuotaNode extends Span {
  readonly kind: 'quota'
  readonly over: boolean
  readonly amount: string
  readonly unit: 'bytes' | 'kbytes' | 'mbytes'
  readonly used: { readonly number: string; readonly unit: 'bytes' | 'kbytes' | 'mbytes' } | null
}

export interface RefusedNode extends Span {
  readonly kind: 'refused'
  readonly word: string
  readonly key?: SelectorNode
}

export type StatementNode = Span &
  (
    | VerdictNode
    | LimitNode
    | QuotaNode
    | RefusedNode
    | { readonly kind: 'counter'; readonly packets?: string; readonly bytes?: string }
    | { readonly kind: 'use'; readonly object: string; readonly name: ExpressionNode }
    | { readonly kind: 'connlimit'; readonly over: boolean; readonly count: string }
    | { readonly kind: 'log'; readonly options: readonly LogOptionNode[] }
    | {
        readonly kind: 'reject'
        readonly type?: 'icmp' | 'icmpv6' | 'icmpx' | 'tcp reset'
        readonly code?: NameNode
      }
    | { readonly kind: 'queue'; readonly options: readonly QueueOptionNode[] }
    | { readonly kind: 'notrack' }
    | {
        readonly kind: 'update'
        readonly operation: 'add' | 'update' | 'delete'
        readonly set: NameNode
        readonly key: ExpressionNode
        readonly options: readonly OptionNode[]
        readonly statements: readonly StatementNode[]
        readonly data: ExpressionNode | null
      }
    | {
        readonly kind: 'meter'
        readonly name: NameNode
        readonly size: string | null
        readonly key: ExpressionNode
        readonly options: readonly OptionNode[]
        readonly statement: StatementNode
      }
    | { readonly kind: 'window'; readonly name: NameNode }
    | { readonly kind: 'mangle'; readonly key: SelectorNode; readonly value: ExpressionNode }
    | MatchNode
  )

export interface MatchNode extends Span {
  readonly kind: 'match'
  readonly left: ExpressionNode
  readonly vmap?: ExpressionNode
  readonly operator?: 'in' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '!'
  readonly right?: ExpressionNode
}

export interface LogOptionNode {
  readonly key: 'prefix' | 'level' | 'group' | 'snaplen' | 'queue-threshold' | 'flags'
  readonly value?: NameNode
  readonly number?: string
  readonly flags?: readonly string[]
}

export interface QueueOptionNode {
  readonly target?: ExpressionNode
  readonly flags?: readonly ('bypass' | 'fanout')[]
}

export interface RuleNode extends Span {
  readonly kind: 'rule'
  readonly statements: readonly StatementNode[]
  readonly comment: string | null
  readonly handle: string | null
}

/** A path may name a family and a table: inside of a table it does not. */
export interface PathNode {
  readonly family?: string
  readonly table?: NameNode
  readonly name?: NameNode
}

export type LineNode = Span &
  (
    | RuleNode
    | RefusedNode
    | { readonly kind: 'bad' | 'stray' | 'auto-merge' }
    | { readonly kind: 'command'; readonly verb: Verb; readonly object: LineNode }
    | {
        readonly kind: 'define'
        readonly again: boolean
        readonly name: WordNode
        readonly value: ExpressionNode
      }
    | { readonly kind: 'undefine'; readonly name: WordNode }
    | { readonly kind: 'include'; readonly path: WordNode }
    | { readonly kind: 'ruleset'; readonly family: string | null }
    | {
        readonly kind: 'table'
        readonly path: PathNode
        readonly handle: string | null
        readonly body: readonly LineNode[] | null
      }
    | {
        readonly kind: 'chain'
        readonly path: PathNode
        readonly handle?: string | null
        readonly body: readonly LineNode[] | null
      }
    | {
        readonly kind: 'rule command'
        readonly path: PathNode
        readonly place: PlaceNode | null
        readonly rule: RuleNode | null
      }
    | {
        readonly kind: 'named set'
        readonly map: boolean
        readonly path: PathNode
        readonly handle?: string | null
        readonly body: readonly LineNode[] | null
      }
    | { readonly kind: 'add elements'; readonly path: PathNode; readonly elements: SetNode | VariableNode }
    | {
        readonly kind: 'object'
        readonly object: string
        readonly path: PathNode
        readonly handle?: string | null
        readonly body: readonly LineNode[] | null
      }
    | { readonly kind: 'window object'; readonly path: PathNode; readonly body: readonly LineNode[] | null }
    | { readonly kind: 'comment'; readonly text: string }
    | { readonly kind: 'flags'; readonly flags: readonly WordNode[] }
    | {
        readonly kind: 'hook'
        readonly type: WordNode
        readonly hook: WordNode
        readonly device: ExpressionNode | null
        readonly priority: { readonly base?: NameNode; readonly offset: number } & Span
        readonly policy: NameNode | null
      }
    | { readonly kind: 'policy'; readonly policy: NameNode }
    | { readonly kind: 'typeof'; readonly key: ExpressionNode; readonly data: TypeofDataNode | null }
    | { readonly kind: 'type'; readonly types: readonly WordNode[]; readonly data: DataNamesNode | null }
    | { readonly kind: 'duration'; readonly key: 'timeout' | 'gc-interval'; readonly value: NameNode }
    | { readonly kind: 'size'; readonly size: string | VariableNode }
    | { readonly kind: 'elements'; readonly elements: SetNode | VariableNode }
    | { readonly kind: 'statement'; readonly statement: StatementNode }
    | { readonly kind: 'counts'; readonly packets?: string; readonly bytes?: string }
    | LimitNode
    | QuotaNode
    | { readonly kind: 'helper'; readonly type: WordNode; readonly protocol: WordNode }
    | { readonly kind: 'option'; readonly key: string; readonly value?: NameNode; readonly number?: string }
    | {
        readonly kind: 'timeouts'
        readonly pairs: readonly { readonly state: WordNode; readonly value: NameNode }[]
      }
    | { readonly kind: 'rate'; readonly rate: string; readonly per: NameNode; readonly strict: boolean }
    | { readonly kind: 'source'; readonly prefix4: string; readonly prefix6: string }
  )

export type Verb = 'add' | 'create' | 'insert' | 'replace' | 'delete' | 'destroy' | 'flush'
export type PlaceNode = { readonly kind: 'handle' | 'position' | 'index'; readonly number: string }
export type DataNamesNode = { readonly object: string } | { readonly types: readonly WordNode[] }
export type TypeofDataNode = DataNamesNode | ExpressionNode
