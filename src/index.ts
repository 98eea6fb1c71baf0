/**
 * Portcullis as a library: policies to rulesets to programs, and an engine that judges packets by them. What there is in
 * use is in examples/library.md, whose examples are run by the tests.
 */

export { type Advice, advise } from './advice/advise.js'
export { CaptureError } from './capture/error.js'
export { Direction, holdsIP, LinkType } from './capture/link.js'
export { type CaptureMerge, openCaptures } from './capture/merge.js'
export { openCapture } from './capture/open.js'
export type { CaptureInterface, CaptureReader } from './capture/reader.js'
export { type PacketNotes, PcapngWriter, PcapWriter } from './capture/write.js'
export { compile } from './engine/compile/compile.js'
export type { Environment, Supply } from './engine/environment.js'
export { Decider, Engine, policyNumber, Verdict } from './engine/judge.js'
export type { Program } from './engine/program.js'
export { ReferenceEngine } from './engine/reference/evaluate.js'
export { readable, tap } from './expectations/report.js'
export {
  type Report as ExpectationReport,
  type Result as ExpectationResult,
  runSuite,
} from './expectations/run.js'
export { findSuites, loadSuite, type Suite } from './expectations/suite.js'
export type { Change as ExplainedChange } from './explain/changes.js'
export { type ExplainedPacket, explain } from './explain/described.js'
export type { Explanation } from './explain/explain.js'
export { explanationText } from './explain/text.js'
export type { Step as ExplainedStep } from './explain/trace.js'
export { LanguageError } from './language/diagnostic.js'
export { loadIptables, loadIptablesSave } from './language/iptables/load.js'
export { printRuleset } from './language/nft/print/ruleset.js'
export { parsePolicy } from './language/policy/load.js'
export { policyJsonSchema } from './language/policy/schema.js'
export { createEngine, type EngineOptions } from './load/engine.js'
export { PolicyFileError } from './load/files.js'
export { type LoadedPolicy, type LoadOptions, loadPolicy } from './load/load.js'
export { CtState, Hook, Packet } from './packet/packet.js'
export { type Decider as ReplayDecider, deciderText } from './replay/deciders.js'
export { ReplayError } from './replay/error.js'
export type { Assumptions } from './replay/host.js'
export {
  type JudgedPacket,
  type OutcomeName,
  type ReplayOptions,
  type ReplayProgress,
  replay,
} from './replay/replay.js'
export type { DeciderReport, ReplayReport } from './replay/report.js'
export { RulesetError } from './ruleset/check.js'
export type * from './ruleset/model.js'
export { SpaceError } from './space/diagram.js'
export { type Change, type Difference, diff } from './space/diff.js'
export { PolicySpace, type Question, type Region, type Violation } from './space/prove.js'
