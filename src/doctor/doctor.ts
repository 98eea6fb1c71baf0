import type { Feature, Finding, Machine } from './feature.js'
import { KERNEL } from './kernel.js'
import { OTHERS } from './others.js'
import { SETTINGS } from './settings.js'

/** Everything that is looked at, in the order in which it is told. */
export const FEATURES: readonly Feature[] = [...KERNEL, ...SETTINGS, ...OTHERS]

export interface Examined extends Finding {
  readonly feature: Feature
}

/** Looks at each feature once. Changes nothing but which modules the kernel has loaded. */
export function examine(machine: Machine): Examined[] {
  return FEATURES.map((feature) => ({ feature, ...feature.probe(machine) }))
}
